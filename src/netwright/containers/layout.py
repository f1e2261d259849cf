"""Where everything of a container, an image and a volume lies on the host. Pure."""

from dataclasses import dataclass
from pathlib import Path

from netwright.model.names import Id


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one running process under conmon: below the exec-root, gone with a reboot.

    conmon itself decides the names `attach`, `ctl` and `oom`; the runtime decides `config.json`.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The OCI configuration of a container."""
        return self.path / "config.json"

    @property
    def process(self) -> Path:
        """The OCI process of an execution."""
        return self.path / "process.json"

    @property
    def pid(self) -> Path:
        """The pid of the process itself."""
        return self.path / "pid"

    @property
    def conmon_pid(self) -> Path:
        """The pid of its conmon."""
        return self.path / "conmon.pid"

    @property
    def exits(self) -> Path:
        """The directory in which conmon leaves the exit code, in a file named by the container's id."""
        return self.path / "exit"

    @property
    def oom(self) -> Path:
        """There once the kernel has killed for want of memory."""
        return self.path / "oom"

    @property
    def control(self) -> Path:
        """The pipe that takes conmon's commands."""
        return self.path / "ctl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Directories below the data-root (they last) and the exec-root (they go with a reboot)."""

    data_root: Path
    exec_root: Path

    @property
    def containers(self) -> Path:
        """The directories of all containers."""
        return self.data_root / "containers"

    @property
    def bundles(self) -> Path:
        """The bundles of all running containers."""
        return self.exec_root / "containers"

    @property
    def runtime_root(self) -> Path:
        """Where the OCI runtime keeps its own state."""
        return self.exec_root / "runtime"

    @property
    def sockets(self) -> Path:
        """A directory that conmon wants named and, with full attach paths, does not use."""
        return self.exec_root / "sockets"

    @property
    def layers(self) -> Path:
        """The unpacked layers of all images, each a directory named by the beginning of its digest."""
        return self.data_root / "layers"

    @property
    def scratch(self) -> Path:
        """Downloads and half-unpacked layers; emptied at every start."""
        return self.data_root / "scratch"

    @property
    def volumes(self) -> Path:
        """The local volumes, as Docker has them: NAME/_data."""
        return self.data_root / "volumes"

    def container(self, identity: Id) -> Path:
        """Return the lasting directory of a container."""
        return self.containers / identity

    def root(self, identity: Id) -> Path:
        """Return the mount point of a container's root file system."""
        return self.container(identity) / "rootfs"

    def upper(self, identity: Id) -> Path:
        """Return the writable layer of a container."""
        return self.container(identity) / "diff"

    def work(self, identity: Id) -> Path:
        """Return the directory that overlayfs works in."""
        return self.container(identity) / "work"

    def log(self, identity: Id) -> Path:
        """Return the log of a container, written by conmon."""
        return self.container(identity) / "log"

    def bundle(self, identity: Id) -> Bundle:
        """Return the bundle of a container."""
        return Bundle(self.bundles / identity)

    def exec_bundle(self, container: Id, execution: Id) -> Bundle:
        """Return the bundle of an execution."""
        return Bundle(self.bundles / container / "exec" / execution)

    def layer(self, digest: str) -> Path:
        """Return the directory of a layer; `digest` is `sha256:` and 64 digits.

        104 bits name it safely, and leave room for 70 layers in the one page that a mount's options may fill.
        """
        return self.layers / digest.removeprefix("sha256:")[:26]

    def volume(self, name: str) -> Path:
        """Return the directory of a volume's content."""
        return self.volumes / name / "_data"
