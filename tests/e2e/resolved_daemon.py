"""A real systemd-resolved on a system bus of its own, within a throwaway machine."""

import os
import subprocess
from pathlib import Path

from machine import PEERS, Machine
from system_bus import SystemBus

_USER = "systemd-resolve"
_NUMBER = 990
_LIBRARIES = PEERS / "usr/lib/x86_64-linux-gnu"
_ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": f"{_LIBRARIES}:{_LIBRARIES}/systemd"}
_SETTINGS = "[Resolve]\nDNS={servers}\nLLMNR=no\nMulticastDNS=no\nDNSSEC=no\nCache=no\n"
_AWAIT = """
import socket, time
while True:
    with socket.socket() as probe:
        if not probe.connect_ex(("127.0.0.53", 53)):
            break
    time.sleep(0.01)
"""


class ResolvedDaemon:
    """systemd-resolved, answering at 127.0.0.53 and asking some servers for what no link is for."""

    def __init__(self, machine: Machine, servers: str) -> None:
        self._machine = machine
        self._bus = SystemBus(machine)
        self._process: subprocess.Popen[bytes] | None = None
        machine.host.run("mkdir", "-p", "/run/systemd/resolved.conf.d", "/run/systemd/resolve")
        self._know_its_user()
        machine.host.run("chown", f"{_USER}:{_USER}", "/run/systemd/resolve")
        machine.host.run("tee", "/run/systemd/resolved.conf.d/test.conf", stdin=_SETTINGS.format(servers=servers))

    def _know_its_user(self) -> None:
        for name, line in (
            ("passwd", f"{_USER}:x:{_NUMBER}:{_NUMBER}::/:/usr/sbin/nologin"),
            ("group", f"{_USER}:x:{_NUMBER}:"),
        ):
            known = Path("/etc", name).read_text()
            if f"{_USER}:" not in known:
                copy = self._machine.folder / name
                copy.write_text(f"{known}{line}\n")
                self._machine.host.run("mount", "--bind", str(copy), f"/etc/{name}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._machine.folder / "resolved.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._machine.host.enter(str(PEERS / "lib/systemd/systemd-resolved")),
                env=_ENVIRONMENT,
                stdout=output,
                stderr=output,
            )
        self._machine.host.run("timeout", "20", "/usr/bin/python3", "-I", "-c", _AWAIT)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def command(self, *argv: str) -> str:
        """Run resolvectl and return what it says."""
        done = subprocess.run(
            self._machine.host.enter(str(PEERS / "usr/bin/resolvectl"), *argv),
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout + done.stderr

    def close(self) -> None:
        """End it and the bus."""
        self.stop()
        self._bus.close()
