"""A plugin that runs on the machine of an engine: the fake of IPAM plugins as a process of its own."""

import json
import shutil
import subprocess
from pathlib import Path

from machine import ROOT, Machine, Namespaces

PLUGINS = "/run/docker/plugins"

Call = tuple[str, dict[str, object]]


class Plugin:
    """A plugin process on a machine; `calls` is what it was asked."""

    def __init__(self, host: Namespaces, folder: Path, name: str = "acme", **settings: str) -> None:
        self._host = host
        self._log = folder / f"{name}.log"
        python = shutil.which("python3") or "python3"
        words = [f"{key}={value}" for key, value in settings.items()]
        self._argv = [
            python,
            str(ROOT / "tests/fakes/ipam_plugin.py"),
            f"{PLUGINS}/{name}.sock",
            str(self._log),
            *words,
        ]
        self.start()

    def start(self) -> None:
        """Start the plugin, again perhaps, and wait until it listens."""
        self._process = subprocess.Popen(
            self._host.enter(*self._argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        """End the plugin; its socket stays, and nobody listens there. Content when repeated."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(10)

    @property
    def calls(self) -> list[Call]:
        """What the plugin was asked so far."""
        return [
            (method.partition(".")[2], request)
            for method, request in map(json.loads, self._log.read_text().splitlines())
        ]

    def asked(self, *methods: str) -> list[Call]:
        """Return what the plugin was asked of some methods."""
        return [call for call in self.calls if call[0] in methods]


def place(machine: Machine) -> None:
    """Give a machine a /run of its own, where plugins are looked for."""
    machine.host.run("mount", "-t", "tmpfs", "tmpfs", "/run")
    machine.host.run("mkdir", "-p", PLUGINS)
