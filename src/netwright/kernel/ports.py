"""Held ports: the engine's side of the keeper.

The engine binds, so that a port that is taken is known at once, and hands the socket over; the keeper holds it through
any restart of the engine. What reaches a held port is what the kernel was not told to translate. A TCP socket that is
bound and does not listen refuses it at once. A bound UDP socket cannot refuse; it has a filter that lets nothing in, so
that no datagram lies there for whoever is relayed to later.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from netwright.errors import OperationFailed
from netwright.host.queries import HeldPort
from netwright.kernel.companion.client import Gone
from netwright.kernel.filter import DROP, attach
from netwright.kernel.keeper.client import KeeperClient, Target
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

T = TypeVar("T")

_KINDS = {
    Protocol.TCP: (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    Protocol.UDP: (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    Protocol.SCTP: (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_PREFIX = "port/"

PAUSE = 1.0
"""Seconds after one keeper was replaced in which the next that dies is not, until something is asked of it."""

log = logging.getLogger(__name__)


class Ports:
    """The ports that are held for this engine. Blocks; for worker threads, any of them.

    A keeper that dies is noticed at once: another is started, and holds and relays again what this engine has asked for
    or found. All methods raise OperationFailed.
    """

    def __init__(self, exec_root: str) -> None:
        self._directory = Path(exec_root)
        self._lock = threading.Lock()
        self._client: KeeperClient | None = None
        self._watcher: threading.Thread | None = None
        self._mended = -PAUSE
        self._wanted: dict[str, Target | None] = {}
        self._closed = False

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

    def close(self) -> None:
        """Leave the keeper to itself: it ends where it holds nothing."""
        with self._lock:
            self._closed = True
            if self._client is not None:
                self._client.hang_up()
        if self._watcher is not None:
            self._watcher.join()

    def _ask(self, request: Callable[[KeeperClient], T]) -> T:
        """Put a request to the keeper; to another, where the one that was there turns out to be gone."""
        try:
            return request(self._client or self._start())
        except Gone as error:
            log.error("%s: starting another", error.strerror)
        self._client = None
        try:
            return request(self._start())
        except Gone as error:
            raise OperationFailed(f"{error.strerror}, and so has the next") from error

    def _connect(self) -> bool:
        """Find the keeper that runs; tell whether there is one. What it holds is then ours to hold again."""
        if self._client is not None:
            return True
        found = KeeperClient.find(self._directory)
        if found is None:
            return False
        if found.version != KeeperClient.VERSION:
            found = self._replace(found)
        self._wanted.update({name: to for name, to in found.held().items() if name.startswith(_PREFIX)})
        self._adopt(found)
        return True

    def _start(self) -> KeeperClient:
        """Return a connection to the keeper that runs, or to a new one that holds what the last one held."""
        if not self._connect():
            keeper = KeeperClient.start(self._directory)
            self._adopt(keeper)
            for name, target in self._wanted.items():
                try:
                    _hold_again(keeper, name, target)
                except OperationFailed as failure:
                    log.error("a published port is no longer held: %s", failure)
        assert self._client is not None
        return self._client

    def _replace(self, old: KeeperClient) -> KeeperClient:
        """Hand everything from a keeper of another version to a new one.

        In between this process holds it. Were it to die, the ports would be free, and its next start would hold them
        again; two keepers that hold one port never both outlive it.
        """
        log.info("the keeper (process %d) is of version %d: replacing it", old.pid, old.version)
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

    def _adopt(self, keeper: KeeperClient) -> None:
        self._client = keeper
        self._watcher = threading.Thread(target=self._watch, args=(keeper,), name="keeper-watch", daemon=True)
        self._watcher.start()

    def _watch(self, keeper: KeeperClient) -> None:
        """Wait for the end of a keeper, and have another one hold the ports before somebody else takes them."""
        keeper.wait()
        with self._lock:
            try:
                if self._client is keeper and not self._closed:
                    self._mend()
            except OperationFailed as failure:
                log.error("published ports may no longer be held: %s", failure)
            finally:
                keeper.close()

    def _mend(self) -> None:
        now = time.monotonic()
        if now - self._mended < PAUSE:
            log.error("one keeper ends after the other; another is started when it is needed")
            self._client = None
        else:
            self._mended = now
            self._ask(KeeperClient.held)


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
