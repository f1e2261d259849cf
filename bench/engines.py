"""Two engines side by side: netwright and Docker's own daemon, each in its own network and mount namespaces.

Both are driven through the same docker command line and the same HTTP calls, so whatever is measured is measured alike.
Docker's daemon comes from Debian's packages, unpacked (not installed) by `make bench`.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".cache" / "peers" / "root"
ENVIRONMENT = {**os.environ, "PATH": f"{PEERS}/usr/bin:{PEERS}/usr/sbin:{os.environ['PATH']}"}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, one connection kept open.

    A request goes out in one piece, as those of Docker's command line do: a body that comes a moment behind its headers
    would let the engine wait.
    """

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path
        self._pieces: list[Any] = []

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self._path)

    def send(self, data: Any) -> None:
        """Take a piece of the request."""
        self._pieces.append(data)

    def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Send a request and return status and body."""
        data = None if body is None else json.dumps(body).encode()
        self.request(method, path, body=data, headers={"Content-Type": "application/json"})
        whole, self._pieces = b"".join(self._pieces), []
        super().send(whole)
        answer = self.getresponse()
        return answer.status, answer.read()


@dataclass
class Engine:
    """A running engine: how to speak to it, how to run things where it runs, how long it took to be ready."""

    name: str
    process: subprocess.Popen[bytes]
    socket: str
    ready: float
    folder: Path
    argv: list[str]

    def kill_and_start(self) -> None:
        """Kill the engine and start it again in the same namespaces; return when it answers."""
        log = self.folder / "log"
        holder = subprocess.Popen(
            self.inside("sh", "-c", "echo; exec cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder, log.open("ab") as output:
            assert holder.stdout is not None
            holder.stdout.readline()
            again = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", f"--mount=/proc/{holder.pid}/ns/mnt", *self.argv]
            self.process.kill()
            self.process.wait()
            self.process = subprocess.Popen(
                again, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
            )
            _wait_ready(self.process, self.socket, log)

    def inside(self, *argv: str) -> list[str]:
        """Return a command line that runs in the engine's namespaces."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", f"--mount=/proc/{self.process.pid}/ns/mnt", *argv]

    def run(self, *argv: str) -> str:
        """Run a command in the engine's namespaces and return what it prints. Raises where it fails."""
        done = subprocess.run(self.inside(*argv), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def docker(self, *argv: str) -> str:
        """Run the docker command line against this engine."""
        return self.run("docker", "-H", f"unix://{self.socket}", *argv)

    def connection(self) -> UnixConnection:
        """Return a new connection to the engine's socket."""
        return UnixConnection(self.socket)

    def resident(self) -> float:
        """Return the resident memory of an idle engine and of all processes that it started, in MB."""
        return sum(_resident(pid) for pid in _descendants(self.process.pid)) / 1024


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found.extend(_descendants(int(child)))
    return found


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return float(line.split()[1])
    return 0.0


def _wait_ready(process: subprocess.Popen[bytes], path: str, log: Path) -> float:
    """Return the seconds until the engine answers a ping; the socket is polled every 2 ms."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < 60:
        if process.poll() is not None:
            sys.exit(f"the engine ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        with contextlib.suppress(OSError):
            status, _ = UnixConnection(path).call("GET", "/_ping")
            if status == 200:
                return time.perf_counter() - begin
        time.sleep(0.002)
    sys.exit(f"the engine was not ready within a minute:\n{log.read_text()[-3000:]}")


def _commands(folder: Path) -> dict[str, list[str]]:
    common = ["-H", f"unix://{folder}/engine.sock", "--pidfile", f"{folder}/engine.pid"]
    roots = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    python = ROOT / ".venv" / "bin" / "netwright"
    return {
        "netwright": [str(python), "daemon", *common, *roots],
        "docker": [str(PEERS / "usr/sbin/dockerd"), *common, *roots],
    }


_ALONE = ("unshare", "-n", "-m", "--propagation", "private", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
"""What runs a command in network and mount namespaces of its own."""


def _remove_containers(engine: Engine) -> None:
    """Remove all containers: those of netwright live on without their engine."""
    _, listed = engine.connection().call("GET", "/containers/json?all=1")
    for container in json.loads(listed):
        engine.connection().call("DELETE", f"/containers/{container['Id']}?force=1")


@contextlib.contextmanager
def engine(name: str, *flags: str) -> Iterator[Engine]:
    """Run an engine in namespaces of its own for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    argv = _commands(folder)[name]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_ALONE, *argv, *flags],
            env=ENVIRONMENT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        ready = _wait_ready(process, f"{folder}/engine.sock", log)
        running = Engine(name, process, f"{folder}/engine.sock", ready, folder, [*argv, *flags])
        try:
            yield running
        finally:
            _remove_containers(running)
            process = running.process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def busybox_image(engine: Engine, tag: str = "bench:latest") -> str:
    """Import an image of Debian's static busybox into an engine and return its name."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        (root / "bin").mkdir(parents=True)
        (root / "www").mkdir()
        (root / "www" / "index.html").write_text("hello\n")
        (root / "etc").mkdir()
        (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        shutil.copy2("/bin/busybox", root / "bin" / "busybox")
        for name in ("sh", "httpd", "sleep", "cat", "ip", "nc", "nslookup"):
            (root / "bin" / name).symlink_to("busybox")
        archive = shutil.make_archive(str(Path(folder) / "image"), "tar", root)
        engine.docker("import", archive, tag)
    return tag
