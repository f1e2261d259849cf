"""A throwaway machine for end-to-end tests: a host with an engine, and a neighbour outside of it.

The host is a pair of network and mount namespaces; the neighbour is another network namespace on the other end of a
veth. The engine under test is the real daemon, the clients are the real docker command line and SDK.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from docker import DockerClient

from netwright.app import cgroup_tag

ROOT = Path(__file__).resolve().parents[2]
NETWRIGHT = ROOT / ".venv" / "bin" / "netwright"
PEERS = ROOT / ".cache" / "peers" / "root"

HOST4, HOST4_SECOND, OUTSIDE4 = "192.0.2.1", "192.0.2.2", "192.0.2.7"
HOST6, OUTSIDE6 = "2001:db8::1", "2001:db8::7"

HOST_PYTHON = ("-v", "/usr:/usr:ro", "-v", "/usr/lib:/lib:ro", "-v", "/usr/lib64:/lib64:ro")
"""What lets a container run the host's Python: busybox cannot answer datagrams."""

_HOLD = ["sh", "-c", "echo; exec cat"]
"""A process that says that it stands in its namespaces and then lives until its input is closed."""


def docker_clients() -> list[str]:
    """Return the docker command lines to test with: Debian's, and a newer one where the machine has it."""
    candidates = [str(PEERS / "usr/bin/docker"), shutil.which("docker")]
    return [path for path in candidates if path is not None and Path(path).exists()]


class Namespaces:
    """Network and mount namespaces that live until closed."""

    def __init__(self, *, mounts: bool) -> None:
        flags = ["-n", "-m", "--propagation", "private"] if mounts else ["-n"]
        self._holder = subprocess.Popen(["unshare", *flags, *_HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self.pid = self._holder.pid
        self._mounts = mounts

    def enter(self, *argv: str) -> list[str]:
        """Return a command line that runs inside."""
        mount = [f"--mount=/proc/{self.pid}/ns/mnt"] if self._mounts else []
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *mount, *argv]

    def run(self, *argv: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command inside, within 60 s."""
        done = subprocess.run(self.enter(*argv), capture_output=True, text=True, timeout=60, check=False, input=stdin)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def close(self) -> None:
        """End the namespaces."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(10)
        assert self._holder.stdout is not None
        self._holder.stdout.close()


class Machine:
    """A host and its neighbour."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = Namespaces(mounts=True)
        self.outside = Namespaces(mounts=False)
        self._wire()
        if Path("/run/dbus").exists():
            # firewalld of the machine that runs the tests must not hear of what is made here.
            self.host.run("mount", "-t", "tmpfs", "tmpfs", "/run/dbus")

    def _wire(self) -> None:
        self.host.run("ip", "link", "set", "lo", "up")
        self.outside.run("ip", "link", "set", "lo", "up")
        link = ["ip", "link", "add", "wan0", "type", "veth", "peer", "name", "eth0", "netns", str(self.outside.pid)]
        self.host.run(*link)
        for address in (f"{HOST4}/24", f"{HOST4_SECOND}/24", f"{HOST6}/64"):
            self.host.run("ip", "addr", "add", address, "dev", "wan0", *_no_dad(address))
        for address in (f"{OUTSIDE4}/24", f"{OUTSIDE6}/64"):
            self.outside.run("ip", "addr", "add", address, "dev", "eth0", *_no_dad(address))
        self.host.run("ip", "link", "set", "wan0", "up")
        self.outside.run("ip", "link", "set", "eth0", "up")
        self.outside.run("ip", "route", "add", "default", "via", HOST4)
        self.outside.run("ip", "-6", "route", "add", "default", "via", HOST6)

    def close(self) -> None:
        """End the machine; its links, rules and mounts go with its namespaces."""
        self.host.close()
        self.outside.close()


def _no_dad(address: str) -> list[str]:
    return ["nodad"] if ":" in address else []


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


class Process(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def returncode(self) -> int | None:
        """How it has ended, as far as was looked."""

    def poll(self) -> int | None:
        """Look whether it has ended, and how."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send a signal."""

    def kill(self) -> None:
        """Kill it."""


class Engine:
    """The daemon under test."""

    def __init__(self, machine: Machine, folder: Path, *flags: str) -> None:
        self.machine = machine
        self.folder = folder
        self.flags = flags
        self.socket = str(folder / "docker.sock")
        self.data_root = folder / "data"
        self.exec_root = folder / "exec"
        self.log = folder / "log"
        self.process: Process | None = None
        if not (folder / "daemon.json").exists():
            (folder / "daemon.json").write_text("{}")

    def command(self) -> list[str]:
        """Return the daemon's command line."""
        return [
            str(NETWRIGHT),
            "daemon",
            "-H",
            f"unix://{self.socket}",
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--pidfile={self.folder}/pid",
            f"--config-file={self.folder}/daemon.json",
            *self.flags,
        ]

    def launched(self) -> Process:
        """Let the daemon run."""
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self.machine.host.enter(*self.command()), stdout=output, stderr=output, start_new_session=True
            )

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        self.process = self.launched()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the daemon ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}"
                )
            with contextlib.suppress(OSError):
                if self.call("GET", "/_ping")[0] == 200:
                    return
            self._await_socket()
        raise AssertionError(f"the daemon did not answer:\n{self.log.read_text()[-4000:]}")

    def _await_socket(self) -> None:
        """Give the daemon 10 ms: there is no event for a socket that begins to listen."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.01)

    def stop(self) -> int:
        """Ask the daemon to stop and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """End the daemon without a chance to do anything."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def first_fault(self) -> str:
        """Return the first traceback in the engine's log with what led there; nothing where there is none."""
        before, traceback, after = self.log.read_text().partition("Traceback")
        return f"{before[-1000:]}{traceback}{after[:4000]}" if traceback else ""

    def call(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """Send one API request; return the status and the decoded JSON (or the text)."""
        connection = UnixConnection(self.socket)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(raw) if raw else None
        except ValueError:
            return answer.status, raw.decode()

    def docker(
        self, *argv: str, check: bool = True, stdin: str | None = None, client: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the docker command line against the daemon."""
        program = client or docker_clients()[-1]
        return self.machine.host.run(program, "-H", f"unix://{self.socket}", *argv, check=check, stdin=stdin)

    def netwright(self, *argv: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the netwright command line against the daemon."""
        return self.machine.host.run(str(NETWRIGHT), "-H", f"unix://{self.socket}", *argv, check=check, stdin=stdin)

    def sdk(self) -> DockerClient:
        """Return a client of the docker SDK for Python."""
        return DockerClient(base_url=f"unix://{self.socket}", timeout=60)

    def remove_everything(self) -> None:
        """Remove all containers, networks, volumes and sets of sources that a test has made."""
        _, containers = self.call("GET", "/containers/json?all=1")
        assert isinstance(containers, list)
        for container in containers:
            self.remove_container(container["Id"])
        _, networks = self.call("GET", "/networks?filters=%7B%22type%22%3A%5B%22custom%22%5D%7D")
        assert isinstance(networks, list)
        for network in networks:
            status, answer = self.call("DELETE", f"/networks/{network['Id']}")
            assert status == 204, answer
        _, named = self.call("GET", "/netwright/sources")
        assert isinstance(named, list)
        for one in named:
            status, answer = self.call("DELETE", f"/netwright/sources/{one['Name']}")
            assert status == 204, answer

    def remove_container(self, ident: str) -> None:
        """Remove a container, and wait where it is just being removed: one that ran with --rm sees to that itself."""
        status, answer = self.call("DELETE", f"/containers/{ident}?force=1&v=1")
        if status == 409:
            status, answer = self.call("POST", f"/containers/{ident}/wait?condition=removed")
        assert status in {200, 204, 404}, answer

    def close(self) -> None:
        """Stop the daemon and what lives on of it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.remove_everything()
            self.stop()
        for pid in processes_naming(str(self.folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._remove_cgroups()

    def _remove_cgroups(self) -> None:
        """Remove what a killed engine has left of its own cgroup; the kernel needs a moment to let killed ones go."""
        identity = self.data_root / "engine-id"
        if not identity.exists():  # it was uninstalled, or never started
            return
        tag = cgroup_tag(identity.read_text().strip())
        deadline = time.monotonic() + 10
        root, name = Path("/sys/fs/cgroup"), f"netwright/{tag}"
        while left := [path for path in (root / name, *root.glob(f"*/{name}")) if path.is_dir()]:
            for path in left:
                for directory in sorted((*path.iterdir(), path), reverse=True):
                    with contextlib.suppress(OSError):
                        if directory.is_dir():
                            directory.rmdir()
            if time.monotonic() > deadline:
                raise AssertionError(f"cgroups are left: {left}")


def processes_naming(text: str) -> Sequence[int]:
    """Return the processes whose command line names a folder: keepers and monitors that a test has left."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if text in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    found.append(int(entry.name))
    return found
