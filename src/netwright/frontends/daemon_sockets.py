"""The sockets on which the API is offered."""

import contextlib
import grp
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netwright.config import Config, Listen
from netwright.errors import Conflict, InvalidInput, SystemFailure

_BACKLOG = 1024
_FIRST_INHERITED = 3
"""The number of the first descriptor that systemd hands over (sd_listen_fds(3))."""


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket. `tls` is the context that its clients have to satisfy, None on unix sockets."""

    where: Listen
    socket: socket.socket
    tls: ssl.SSLContext | None = None


@contextlib.contextmanager
def doors(config: Config) -> Iterator[tuple[Door, ...]]:
    """Open all sockets of the configuration; close them, and remove their files, after the block.

    They listen from now on: clients that come before the engine is ready wait instead of being refused. Raises
    InvalidInput for an unknown group or unusable certificates, Conflict where somebody else listens there already, and
    SystemFailure where the machine refuses.
    """
    with contextlib.ExitStack() as opened:
        found = [door for where in config.hosts for door in _open(where, config, opened)]
        yield tuple(found)


def _open(where: Listen, config: Config, opened: contextlib.ExitStack) -> list[Door]:
    try:
        if where.scheme == "unix":
            return [Door(where, opened.enter_context(_unix(Path(where.address), _group(config.group))))]
        if where.scheme == "fd":
            return [Door(where, opened.enter_context(inherited)) for inherited in _inherited(where)]
        return [Door(where, opened.enter_context(_tcp(where)), _tls(config))]
    except OSError as error:
        why = error.strerror or f"{error}: the kernel takes up to 107 bytes, so choose a shorter one with --host"
        raise SystemFailure(f"cannot listen on {where}: {why}") from error


def _group(name: str) -> int:
    """Return a group's number by name or number; that of the process for ""."""
    if not name:
        return os.getegid()
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isascii() and name.isdigit():
            return int(name)
        raise InvalidInput(f"group {name} not found: make it (groupadd {name}) or name another with --group") from None


@contextlib.contextmanager
def _unix(path: Path, group: int) -> Iterator[socket.socket]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with listener:
        # Its mode is right from the first moment; nobody gets in between bind and chmod.
        before = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        os.chown(path, -1, group)
        listener.listen(_BACKLOG)
        identity = path.stat().st_ino
        try:
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == identity:
                    path.unlink()


def _clear(path: Path) -> None:
    """Remove the socket file that a killed engine left behind."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Conflict(f"{path} is there and no socket: remove it, or listen elsewhere with --host")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise Conflict(f"another program listens on {path}: stop it, or listen elsewhere with --host")


def _inherited(where: Listen) -> list[socket.socket]:
    """Return the sockets that systemd opened for this process; `fd://4` is one of them, `fd://` all.

    The variables stay in no environment that a container's runtime could inherit: it would hand the sockets on.
    """
    mine = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = os.environ.pop("LISTEN_FDS", "") if mine else ""
    numbers = range(_FIRST_INHERITED, _FIRST_INHERITED + (int(count) if count.isdigit() else 0))
    wanted = [number for number in numbers if where.address in ("", "*", str(number))]
    if not wanted:
        raise InvalidInput(f"{where} needs sockets from systemd, and it handed over none: name a unix socket instead")
    return [socket.socket(fileno=number) for number in wanted]


def _tcp(where: Listen) -> socket.socket:
    if not where.address:
        return socket.create_server(
            ("", where.port),
            family=socket.AF_INET6,
            backlog=_BACKLOG,
            dualstack_ipv6=True,
        )
    found = socket.getaddrinfo(where.address, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server((str(address[0]), where.port), family=family, backlog=_BACKLOG)


def _tls(config: Config) -> ssl.SSLContext:
    """Return a context that lets in clients with a certificate of --tlscacert only."""
    if config.tlscert is None or config.tlskey is None or config.tlscacert is None:
        raise InvalidInput("tcp:// needs --tlscacert, --tlscert and --tlskey")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    for flag, path in (("tlscacert", config.tlscacert), ("tlscert", config.tlscert), ("tlskey", config.tlskey)):
        if not path.is_file():
            raise InvalidInput(f"--{flag}={path}: there is no such file")
    try:
        context.load_verify_locations(cafile=config.tlscacert)
        context.load_cert_chain(config.tlscert, config.tlskey)
    except OSError as error:  # ssl.SSLError is one
        raise InvalidInput(
            f"the certificates of --tlscacert, --tlscert and --tlskey cannot be used: {error}",
        ) from error
    return context
