"""Held ports: the engine's side of the keeper.

The engine binds, so that a port that is taken is known at once, and hands the socket over; the keeper holds it through
any restart of the engine. What reaches a held port is what the kernel was not told to translate. A TCP socket that is
bound and does not listen refuses it at once. A bound UDP socket cannot refuse; it has a filter that lets nothing in, so
that no datagram lies there for whoever is relayed to later.
"""

import logging
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address

from netwright.errors import OperationFailed
from netwright.host.queries import HeldPort
from netwright.kernel.companion.tending import Tending
from netwright.kernel.filter import DROP, attach
from netwright.kernel.keeper.client import KeeperClient, Target
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

_KINDS = {
    Protocol.TCP: (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    Protocol.UDP: (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    Protocol.SCTP: (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_PREFIX = "port/"

log = logging.getLogger(__name__)


class Ports(Tending[KeeperClient]):
    """The ports that are held for this engine. Blocks; for worker threads, any of them.

    A keeper that dies is noticed at once: another is started, and holds and relays again what this engine has asked for
    or found. All methods raise OperationFailed.
    """

    LOSS = "published ports may no longer be held"

    def __init__(self, exec_root: str) -> None:
        super().__init__(KeeperClient, exec_root)
        self._wanted: dict[str, Target | None] = {}

    def hold(self, protocol: Protocol, address: IPAddress, port: int) -> None:
        """Bind a port and have it kept. Fails with EADDRINUSE where somebody has it, with EMFILE where no more fit."""
        name = name_of(protocol, address, port)
        with self._lock, bind(protocol, address, port) as bound:
            self._ask(lambda keeper: keeper.put(name, bound.fileno()))
            self._wanted[name] = None

    def release(self, protocol: Protocol, address: IPAddress, port: int) -> None:
        """Give a port up and end its relay; content where it is not held."""
        name = name_of(protocol, address, port)
        with self._lock:
            self._wanted.pop(name, None)
            if self._connect():
                self._ask(lambda keeper: keeper.drop(name))

    def relay(self, protocol: Protocol, address: IPAddress, port: int, to_address: IPAddress, to_port: int) -> None:
        """Have what arrives at a held port carried to a container, or somewhere else than before."""
        name, target = name_of(protocol, address, port), (str(to_address), to_port)
        with self._lock:
            self._ask(lambda keeper: keeper.relay(name, target))
            self._wanted[name] = target

    def held(self) -> tuple[HeldPort, ...]:
        """Return the ports that are held; asked of the keeper, who knows better than we after a restart."""
        with self._lock:
            if not self._connect():
                return ()
            return tuple(_port_of(name) for name in self._ask(KeeperClient.held) if name.startswith(_PREFIX))

    def _found(self, companion: KeeperClient) -> None:
        self._wanted.update({name: to for name, to in companion.held().items() if name.startswith(_PREFIX)})

    def _take_over(self, old: KeeperClient) -> KeeperClient:
        """Hand everything from a keeper of another version to a new one.

        In between this process holds it. Were it to die, the ports would be free, and its next start would hold them
        again; two keepers that hold one port never both outlive it.
        """
        copies = {name: (old.get(name), target) for name, target in old.held().items()}
        try:
            old.retire()
            old.close()
            new = KeeperClient.start(self._directory)
            for name, (descriptor, target) in copies.items():
                new.put(name, descriptor)
                if target is not None:
                    new.relay(name, target)
        finally:
            for descriptor, _ in copies.values():
                os.close(descriptor)
        return new

    def _fill(self, new: KeeperClient) -> None:
        for name, target in self._wanted.items():
            try:
                _hold_again(new, name, target)
            except OperationFailed as failure:
                log.error("a published port is no longer held: %s", failure)

    def _probe(self, companion: KeeperClient) -> object:
        return companion.held()


def _hold_again(keeper: KeeperClient, name: str, target: Target | None) -> None:
    port = _port_of(name)
    with bind(port.protocol, port.address, port.port) as bound:
        keeper.put(name, bound.fileno())
    if target is not None:
        keeper.relay(name, target)


def name_of(protocol: Protocol, address: IPAddress, port: int) -> str:
    """Return the name under which the keeper has a port."""
    return f"{_PREFIX}{protocol}/{address}/{port}"


def _port_of(name: str) -> HeldPort:
    protocol, address, port = name.removeprefix(_PREFIX).split("/")
    return HeldPort(protocol=Protocol(protocol), address=ip_address(address), port=int(port))


def bind(protocol: Protocol, address: IPAddress, port: int) -> socket.socket:
    """Return a socket that has a port to itself. Raises OperationFailed."""
    kind, number = _KINDS[protocol]
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    where = f"[{address}]:{port}/{protocol}" if address.version == 6 else f"{address}:{port}/{protocol}"
    try:
        bound = socket.socket(family, kind | socket.SOCK_CLOEXEC, number)
    except OSError as error:
        raise OperationFailed(f"this kernel has no {protocol} to hold {where} with", errno=error.errno) from error
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _BINDINGS[protocol](bound, (str(address), port))
    except OSError as error:
        bound.close()
        raise OperationFailed(
            f"failed to bind host port {where}: {(error.strerror or str(error)).lower()}", errno=error.errno
        ) from error
    return bound


def _bind_stream(bound: socket.socket, place: tuple[str, int]) -> None:
    # Set for the bind, so that connections in TIME_WAIT do not stand in the way; taken back after it, or any server
    # that sets it too could listen beside us.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(place)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _bind_datagrams(bound: socket.socket, place: tuple[str, int]) -> None:
    attach(bound, [DROP])
    bound.bind(place)


_BINDINGS: dict[Protocol, Callable[[socket.socket, tuple[str, int]], None]] = {
    Protocol.TCP: _bind_stream,
    Protocol.UDP: _bind_datagrams,
    Protocol.SCTP: socket.socket.bind,
}


def has_ipv6() -> bool:
    """Tell whether a socket can be bound to ::1 here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
