"""A real firewalld on a system bus of its own, within a throwaway machine."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from machine import PEERS, Machine
from system_bus import SystemBus

_LIBRARIES = PEERS / "usr/lib/x86_64-linux-gnu"
_ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(PEERS / "usr/lib/python3/dist-packages"),
    "LD_LIBRARY_PATH": str(_LIBRARIES),
    "GI_TYPELIB_PATH": str(_LIBRARIES / "girepository-1.0"),
}
_AWAIT_NAME = """
import gi, sys
from gi.repository import Gio, GLib
loop = GLib.MainLoop()
Gio.bus_watch_name(Gio.BusType.SYSTEM, "org.fedoraproject.FirewallD1", 0, lambda *_: loop.quit(), None)
loop.run()
"""


class FirewallDaemon:
    """firewalld, whose default zone refuses everything, and which knows the uplink as a member of `public`."""

    def __init__(self, machine: Machine, backend: str) -> None:
        self._machine = machine
        self._folder = machine.folder / "firewalld"
        shutil.copytree(PEERS / "etc/firewalld", self._folder)
        settings = self._folder / "firewalld.conf"
        settings.write_text(f"DefaultZone=block\nFirewallBackend={backend}\nLogDenied=off\nIPv6_rpfilter=no\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._bus = SystemBus(machine)
        machine.host.run("mkdir", "/run/firewalld")

    def start(self) -> None:
        """Start firewalld and wait until it answers."""
        directories = ["--default-config", str(PEERS / "usr/lib/firewalld"), "--system-config", str(self._folder)]
        options = ["--nofork", "--nopid", *directories, "--log-file", str(self._folder / "log")]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._machine.host.enter("/usr/bin/python3", str(PEERS / "usr/sbin/firewalld"), *options),
                env=_ENVIRONMENT,
                stdout=output,
                stderr=output,
            )
        self._run("-c", _AWAIT_NAME)
        self.command("--state")

    def restart(self) -> None:
        """Stop firewalld and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop firewalld; it takes its rules with it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def command(self, *argv: str) -> list[str]:
        """Run firewall-cmd and return the words that it says."""
        return self._run(str(PEERS / "usr/bin/firewall-cmd"), *argv).split()

    def members(self) -> list[str]:
        """Return the interfaces in the zone docker."""
        return sorted(self.command("--zone=docker", "--list-interfaces"))

    def _run(self, *argv: str) -> str:
        inside = self._machine.host.enter("/usr/bin/python3", *argv)
        done = subprocess.run(inside, env=_ENVIRONMENT, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}\n{self._log()}"
        return done.stdout

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return Path(self._folder / "output").read_text()[-3000:]
        return ""

    def close(self) -> None:
        """End firewalld and the bus."""
        self.stop()
        self._bus.close()
