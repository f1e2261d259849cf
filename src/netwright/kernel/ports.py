"""Held ports: the engine's side of the keeper.

The engine binds, so that a port that is taken is known at once, and hands the socket over; the keeper holds it through
any restart of the engine. A TCP socket is bound and does not listen: whoever reaches it, because the kernel was not
told to translate, is refused at once.
"""

import errno
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from netwright.errors import OperationFailed
from netwright.host.queries import HeldPort
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

_KINDS = {
    Protocol.TCP: (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    Protocol.UDP: (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    Protocol.SCTP: (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_PACKET = 1 << 20
_SECONDS = 10

log = logging.getLogger(__name__)


class Ports:
    """The ports that are held for this engine. Blocks; for worker threads, any of them."""

    def __init__(self, exec_root: str) -> None:
        self._path = Path(exec_root) / "keeper.sock"
        self._lock = threading.Lock()
        self._keeper: socket.socket | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        self._known: dict[str, tuple[str, int] | None] = {}

    def hold(self, protocol: Protocol, address: IPAddress, port: int) -> None:
        """Bind a port and have it kept. Raises OperationFailed, with EADDRINUSE where somebody has it."""
        with bind(protocol, address, port) as bound, self._lock:
            self._say({"do": "put", "name": name_of(protocol, address, port)}, bound)
            self._known[name_of(protocol, address, port)] = None

    def release(self, protocol: Protocol, address: IPAddress, port: int) -> None:
        """Give a port up; content where it is not held."""
        name = name_of(protocol, address, port)
        with self._lock:
            self._known.pop(name, None)
            if self._keeper is not None or self._path.exists():
                self._say({"do": "drop", "name": name})

    def relay(self, protocol: Protocol, address: IPAddress, port: int, to_address: IPAddress, to_port: int) -> None:
        """Have what arrives at a held port carried to a container."""
        name = name_of(protocol, address, port)
        with self._lock:
            self._say({"do": "relay", "name": name, "to": [str(to_address), to_port]})
            self._known[name] = (str(to_address), to_port)

    def held(self) -> tuple[HeldPort, ...]:
        """Return the ports that are held; asked of the keeper, who knows better than we after a restart."""
        with self._lock:
            if self._keeper is None and not self._connect():
                return ()
            found = self._say({"do": "list"})
        assert isinstance(found["held"], dict)
        self._known.update({name: tuple(to) if to else None for name, to in found["held"].items()})
        return tuple(map(_parse, found["held"]))

    def close(self) -> None:
        """Leave the keeper to itself: it ends where it holds nothing."""
        with self._lock:
            if self._keeper is not None:
                self._keeper.close()
                self._keeper = None

    def _say(self, request: dict[str, object], bound: socket.socket | None = None) -> dict[str, object]:
        """Send a request and return the answer; a keeper that is gone is started anew with what it held."""
        try:
            answer = self._exchange(request, bound)
        except OSError as error:
            log.error("the keeper is gone (%s): starting another", error)
            self._lost()
            answer = self._exchange(request, bound)
        if "error" in answer:
            raise OperationFailed(f"the keeper could not {request['do']} {request.get('name')}: {answer['error']}")
        return answer

    def _exchange(self, request: dict[str, object], bound: socket.socket | None) -> dict[str, object]:
        if self._keeper is None and not self._connect():
            self._start()
        assert self._keeper is not None
        data = [json.dumps(request).encode()]
        socket.send_fds(self._keeper, data, [bound.fileno()] if bound is not None else [])
        answer = self._keeper.recv(_PACKET)
        if not answer:
            raise ConnectionResetError(errno.ECONNRESET, "no answer")
        decoded = json.loads(answer)
        assert isinstance(decoded, dict)
        return decoded

    def _connect(self) -> bool:
        """Connect to a keeper that runs already; tell whether there is one."""
        keeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        keeper.settimeout(_SECONDS)
        try:
            keeper.connect(str(self._path))
        except OSError:
            keeper.close()
            return False
        self._keeper = keeper
        return True

    def _start(self) -> None:
        """Start a keeper on a socket that listens already, so there is nothing to wait for."""
        self._path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self._path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as listener:
            listener.bind(str(self._path))
            self._path.chmod(0o600)
            listener.listen(8)
            program = Path(__file__).with_name("keeper.py")
            # The socket's path is on the command line for the eyes of whoever lists processes.
            self._children.append(
                subprocess.Popen(
                    [sys.executable, "-I", "-S", str(program), str(self._path)],
                    stdin=listener.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    cwd="/",
                    env={"PATH": os.defpath},
                )
            )
            if not self._connect():
                raise OperationFailed(f"the keeper at {self._path} does not take connections")

    def _lost(self) -> None:
        """Hold again what a keeper that was killed has lost."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        for child in self._children:
            child.poll()
        for name, target in list(self._known.items()):
            port = _parse(name)
            try:
                with bind(port.protocol, port.address, port.port) as bound:
                    self._exchange({"do": "put", "name": name}, bound)
                if target is not None:
                    self._exchange({"do": "relay", "name": name, "to": list(target)}, None)
            except OperationFailed as failure:
                log.error("a published port is no longer held: %s", failure)


def name_of(protocol: Protocol, address: IPAddress, port: int) -> str:
    """Return the name under which the keeper has a port."""
    return f"{protocol}/{address}/{port}"


def _parse(name: str) -> HeldPort:
    protocol, address, port = name.split("/")
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
        if protocol is Protocol.TCP:
            # Set for the bind, so that connections in TIME_WAIT do not stand in the way; taken back after it, or any
            # server that sets it too could listen beside us.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((str(address), port))
        if protocol is Protocol.TCP:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    except OSError as error:
        bound.close()
        raise OperationFailed(
            f"failed to bind host port {where}: {(error.strerror or str(error)).lower()}", errno=error.errno
        ) from error
    return bound


def has_ipv6() -> bool:
    """Tell whether a socket can be bound to ::1 here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
