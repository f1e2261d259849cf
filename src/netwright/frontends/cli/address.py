"""Where the engine listens: `unix:///path` or `tcp://host:port`, with TLS where it is asked for."""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

from netwright.frontends.cli.failures import CommandFailed

DEFAULT = "unix:///run/netwright/docker.sock"
_SECURE_PORT, _PLAIN_PORT = 2376, 2375


class Certificates(NamedTuple):
    """Files of the authority, the certificate and its key; with `verify` the engine must prove who it is."""

    authority: str
    certificate: str
    key: str
    verify: bool


class Address(NamedTuple):
    """Where the engine listens: a socket's `path`, or a `host` and `port`; `tls` where the stream is encrypted."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: Certificates | None = None

    def connect(self) -> socket.socket:
        """Open a connection. Raises OSError."""
        if self.path:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(self.path)
            except OSError:
                sock.close()
                raise
            return sock
        plain = socket.create_connection((self.host, self.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain if self.tls is None else _encrypted(plain, self.host, self.tls)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix://{self.path}" if self.path else f"tcp://{host}:{self.port}"


def choose(host: str, environment: Mapping[str, str], tls: Certificates | None = None) -> Address:
    """Return the engine's address: what `-H` says, else NETWRIGHT_HOST, else DOCKER_HOST, else the usual socket.

    Raises CommandFailed where it cannot be read.
    """
    written = host or environment.get("NETWRIGHT_HOST") or environment.get("DOCKER_HOST") or DEFAULT
    if tls is None and environment.get("DOCKER_TLS_VERIFY"):
        tls = certificates(environment, verify=True)
    scheme, separator, rest = written.partition("://")
    if not separator or not rest or scheme not in {"unix", "tcp"}:
        raise CommandFailed(
            f"unable to parse engine address {written!r}: write unix:///path/of/socket or tcp://host:port"
        )
    return Address(path=rest) if scheme == "unix" else _tcp(written, rest, tls)


def certificates(environment: Mapping[str, str], *, verify: bool) -> Certificates:
    """Return the certificates of DOCKER_CERT_PATH, by default those in ~/.docker."""
    # not pathlib: importing it costs 3 ms of every command
    folder = environment.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")  # noqa: PTH111
    return Certificates(f"{folder}/ca.pem", f"{folder}/cert.pem", f"{folder}/key.pem", verify)


def _tcp(written: str, rest: str, tls: Certificates | None) -> Address:
    host, colon, port = rest.rstrip("/").rpartition(":")
    if not colon or rest.endswith("]"):
        host, port = rest.rstrip("/"), str(_SECURE_PORT if tls else _PLAIN_PORT)
    if not port.isdigit():
        raise CommandFailed(f"unable to parse engine address {written!r}: {port!r} is not a port")
    return Address(host=host.strip("[]") or "127.0.0.1", port=int(port), tls=tls)


def _encrypted(plain: socket.socket, host: str, tls: Certificates) -> socket.socket:
    import ssl

    context = ssl.create_default_context(cafile=tls.authority) if tls.verify else ssl.create_default_context()
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if os.access(tls.certificate, os.R_OK):
        context.load_cert_chain(tls.certificate, tls.key)
    return context.wrap_socket(plain, server_hostname=host)
