"""A machine to try a host on: the one in memory, and this one, in namespaces of its own."""

import contextlib
import os
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol as Interface

import pytest
from tests.fakes.host import FakeHost
from tests.fakes.iptables import Iptables
from tests.fakes.machine import Machine
from tests.kernel.firewall_lab import namespace

from netwright.dns.wire import HEADER, IN, A, encode_name
from netwright.host.protocol import Host
from netwright.host.queries import HeldPort
from netwright.kernel import mounts, netns
from netwright.kernel.keeper.client import KeeperClient
from netwright.kernel.linux import LinuxHost
from netwright.kernel.nft import Nft
from netwright.kernel.resolver.client import ResolverClient
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

GROUP = 0x4E570001
PATIENCE = 10.0
KINDS = [
    pytest.param("fake", id="fake"),
    pytest.param(
        "linux",
        id="linux",
        marks=(pytest.mark.kernel, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")),
    ),
]


class Rig(Interface):
    """A machine with its loopback up and nothing else, and what no question tells of it."""

    host: Host
    directory: str
    """A directory of its own on that machine."""

    def elements(self, family: str, table: str, name: str) -> set[str]:
        """Return what is in an nftables set."""

    def others_bind(self, port: HeldPort) -> contextlib.AbstractContextManager[None]:
        """Let another program have a port for the time of the block."""

    def write(self, path: str, text: str) -> None:
        """Write a file."""

    def addresses(self, path: str, name: str) -> list[str] | None:
        """Return the IPv4 addresses that a name has in a namespace; None where nobody can tell."""


class FakeRig:
    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.machine = Machine()
        self.machine.iptables = {4: Iptables(), 6: Iptables()}
        self.host: Host = FakeHost(self.machine, group=GROUP)

    def elements(self, family: str, table: str, name: str) -> set[str]:
        return set(self.machine.nft.tables[f"{family} {table}"].sets[name])

    @contextlib.contextmanager
    def others_bind(self, port: HeldPort) -> Iterator[None]:
        self.machine.foreign.add(port)
        yield
        self.machine.foreign.remove(port)

    def write(self, path: str, text: str) -> None:
        self.machine.files[path] = text
        if path.startswith(f"{self.directory}/netns/"):
            self.machine.pins[path] = None

    def addresses(self, path: str, name: str) -> list[str] | None:
        view = self.machine.zone.views.get(path)
        found = self.machine.zone.find(view, name) if view is not None else None
        return None if found is None else [str(ip_address(address)) for address in found.addresses]


class LinuxRig:
    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._linux = LinuxHost(exec_root=f"{directory}/run", group=GROUP)
        self.host: Host = self._linux

    def elements(self, family: str, table: str, name: str) -> set[str]:
        found = re.search(r"elements = \{([^}]*)\}", Nft().listing(f"list set {family} {table} {name}"))
        return {element.strip() for element in found[1].split(",")} if found else set()

    @contextlib.contextmanager
    def others_bind(self, port: HeldPort) -> Iterator[None]:
        family = socket.AF_INET6 if port.address.version == 6 else socket.AF_INET
        kind = socket.SOCK_DGRAM if port.protocol is Protocol.UDP else socket.SOCK_STREAM
        with socket.socket(family, kind) as other:
            other.bind((str(port.address), port.port))
            yield

    def write(self, path: str, text: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)

    def addresses(self, path: str, name: str) -> list[str] | None:
        home = netns.current()
        inside = netns.open_pinned(path)
        try:
            with netns.visit(inside, home), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.connect(("127.0.0.11", 53))
                client.send(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack("!HH", A, IN))
                answer = client.recv(512)
        except ConnectionRefusedError:
            return None
        finally:
            os.close(inside)
            os.close(home)
        question = HEADER + len(encode_name(name)) + 4
        records = answer[question:]
        if answer[3] & 0xF:
            return None
        return [str(ip_address(records[at + 12 : at + 16])) for at in range(0, len(records), 16)]

    def close(self) -> None:
        for pin in netns.pinned(f"{self.directory}/netns"):
            netns.delete(pin)
        for target in reversed(mounts.below(self.directory)):
            mounts.unmount(target)
        self._linux.close()
        if (keeper := KeeperClient.find(Path(self.directory, "run"))) is not None:
            keeper.retire()
            keeper.close()
        if (resolver := ResolverClient.find(Path(self.directory, "run"))) is not None:
            resolver.retire()
            resolver.close()


@contextlib.contextmanager
def rig_of(kind: str, directory: Path) -> Iterator[Rig]:
    """Give a machine of a kind."""
    if kind == "fake":
        yield FakeRig(str(directory))
        return
    with namespace():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        rig = LinuxRig(str(directory))
        try:
            yield rig
        finally:
            rig.close()


def held(address: str, port: int, protocol: Protocol = Protocol.TCP) -> HeldPort:
    """Return a port."""
    found: IPAddress = ip_address(address)
    return HeldPort(protocol=protocol, address=found, port=port)
