"""A system bus of its own within a throwaway machine, whose /run is empty from then on."""

import os
import subprocess

from machine import PEERS, Machine

_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class SystemBus:
    """A bus on which everybody may do everything."""

    def __init__(self, machine: Machine) -> None:
        machine.host.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        machine.host.run("mkdir", "/run/dbus")
        configuration = machine.folder / "bus.conf"
        configuration.write_text(_CONFIGURATION)
        program = str(PEERS / "usr/bin/dbus-daemon")
        self._process = subprocess.Popen(
            machine.host.enter(program, f"--config-file={configuration}", "--nofork", "--print-address"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LD_LIBRARY_PATH": str(PEERS / "usr/lib/x86_64-linux-gnu")},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline()

    def close(self) -> None:
        """End the bus."""
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
