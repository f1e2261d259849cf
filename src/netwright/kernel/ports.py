"""Held ports: the engine's side of the keeper.

The engine binds, so that a port that is taken is known at once, and hands the socket over; the keeper holds it through
any restart of the engine. What reaches a held port is what the kernel was not told to translate. A TCP socket that is
bound and does not listen refuses it at once. A bound UDP socket cannot refuse; it has a filter that lets nothing in, so
that no datagram lies there for whoever is relayed to later.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import TypeVar

from netwright.errors import OperationFailed
from netwright.host.queries import HeldPort
from netwright.kernel.companion.client import Superseded
from netwright.kernel.companion.tending import Tending
from netwright.kernel.filter import DROP, attach
from netwright.kernel.keeper.client import KeeperClient, Target
from netwright.kernel.keeper.packets import AT_ONCE
from netwright.model.addressing import IPAddress, show
from netwright.model.ports import Protocol

T = TypeVar("T")

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

    def hold(self, ports: Sequence[HeldPort]) -> None:
        """Bind ports and have them kept. Fails with EADDRINUSE where somebody has one, with EMFILE where no more fit.

        `done` of what it raises counts those before, which are held.
        """
        with self._lock:
            for place, some in enumerate(_portions(ports)):
                with _counting_from(place * AT_ONCE):
                    self._hold(some)

    def _hold(self, ports: Sequence[HeldPort]) -> None:
        """Hold as many ports as one packet may have."""
        failure: OperationFailed | None = None
        with contextlib.ExitStack() as opened:
            bound: dict[str, int] = {}
            for port in ports:
                try:
                    one = opened.enter_context(bind(port.protocol, port.address, port.port))
                except OperationFailed as refused:
                    failure = refused
                    break
                bound[name_of(port)] = one.fileno()
            if bound:
                self._ask(partial(KeeperClient.put, held=bound))
                self._wanted.update(dict.fromkeys(bound))
        if failure is not None:
            failure.done = len(bound)
            raise failure

    def release(self, ports: Sequence[HeldPort]) -> None:
        """Give ports up and end their relays; content where they are not held."""
        names = [name_of(port) for port in ports]
        with self._lock:
            for name in names:
                self._wanted.pop(name, None)
            if self._connect():
                for place, some in enumerate(_portions(names)):
                    with _counting_from(place * AT_ONCE):
                        self._ask(partial(KeeperClient.drop, names=some))

    def relay(self, relays: Sequence[tuple[HeldPort, Target]]) -> None:
        """Have what arrives at held ports carried to containers, or somewhere else than before.

        `done` of what it raises counts those before, which are carried.
        """
        targets = [(name_of(port), target) for port, target in relays]
        with self._lock:
            for place, some in enumerate(_portions(targets)):
                with _counting_from(place * AT_ONCE):
                    self._relay(some)

    def _relay(self, targets: Sequence[tuple[str, Target]]) -> None:
        """Relay as many ports as one packet may have."""
        try:
            self._ask(partial(KeeperClient.relay, targets=dict(targets)))
        except Superseded:
            raise
        except OperationFailed:
            # Again, one by one, to know which it was: what is relayed already is content.
            for done, (name, target) in enumerate(targets):
                with _counting_from(done):
                    self._ask(partial(KeeperClient.relay, targets={name: target}))
                self._wanted[name] = target
        self._wanted.update(targets)

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
            for some in _portions(list(copies.items())):
                new.put({name: descriptor for name, (descriptor, _) in some})
                new.relay({name: target for name, (_, target) in some if target is not None})
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
        keeper.put({name: bound.fileno()})
    if target is not None:
        keeper.relay({name: target})


def _portions(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield as many at a time as one packet may have."""
    return (whole[first : first + AT_ONCE] for first in range(0, len(whole), AT_ONCE))


@contextlib.contextmanager
def _counting_from(number: int) -> Iterator[None]:
    """Let what a failure counts as done begin with those that were done before."""
    try:
        yield
    except OperationFailed as failure:
        failure.done += number
        raise


def name_of(port: HeldPort) -> str:
    """Return the name under which the keeper has a port."""
    return f"{_PREFIX}{port.protocol}/{_text(port.address)}/{port.port}"


_text = lru_cache(maxsize=1024)(str)
"""An address as it is written: a range has thousands of ports at one."""


def _port_of(name: str) -> HeldPort:
    protocol, address, port = name.removeprefix(_PREFIX).split("/")
    return HeldPort(protocol=Protocol(protocol), address=ip_address(address), port=int(port))


def bind(protocol: Protocol, address: IPAddress, port: int) -> socket.socket:
    """Return a socket that has a port to itself. Raises OperationFailed."""
    kind, number = _KINDS[protocol]
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        bound = socket.socket(family, kind | socket.SOCK_CLOEXEC, number)
    except OSError as error:
        where = _shown(protocol, address, port)
        raise OperationFailed(f"this kernel has no {protocol} to hold {where} with", errno=error.errno) from error
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _BINDINGS[protocol](bound, (_text(address), port))
    except OSError as error:
        bound.close()
        why = (error.strerror or str(error)).lower()
        where = _shown(protocol, address, port)
        raise OperationFailed(f"failed to bind host port {where}: {why}", errno=error.errno) from error
    return bound


def _shown(protocol: Protocol, address: IPAddress, port: int) -> str:
    return f"{show(address, port)}/{protocol}"


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
