"""Where a plugin is: Docker's places, in Docker's order.

`/run/docker/plugins` has the sockets of plugins that run here: `NAME.sock` or `NAME/NAME.sock`. `/etc/docker/plugins`
and `/usr/lib/docker/plugins` have files that say where one listens: `NAME.spec`, a line with a URL, or `NAME.json`,
which may also say how to speak TLS with it; these too may stand in a folder of the name.
"""

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from netwright.errors import SystemFailure
from netwright.plugins.api import PluginMissing, Wire

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders in which plugins are looked for."""

    sockets: Path = Path("/run/docker/plugins")
    specifications: Sequence[Path] = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How to speak TLS with a plugin; empty names are not given."""

    verify: bool = False
    authority: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a plugin listens: the path of a socket, or host and port of a TCP server; `tls` for one of https."""

    path: str = ""
    host: str = ""
    tls: Tls | None = field(default=None)

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        return f"{'https' if self.tls else 'http'}://{self.host}"


class _TlsSaid(Wire):
    insecure_skip_verify: bool = False
    ca_file: str = msgspec.field(default="", name="CAFile")
    cert_file: str = ""
    key_file: str = ""


class _Said(Wire):
    addr: str
    tls_config: _TlsSaid | None = msgspec.field(default=None, name="TLSConfig")


def find(name: str, places: Places) -> Address:
    """Return where the plugin of a name listens. Reads files.

    Raises PluginMissing, and SystemFailure where a file about it cannot be read.
    """
    # What is no plain name (`../../tmp/x`) must not lead out of the folders.
    if _NAME.fullmatch(name) is None:
        raise PluginMissing(name)
    for path in _candidates(places.sockets, name, ".sock"):
        if _is_socket(path):
            return Address(path=str(path))
    for folder in places.specifications:
        for suffix, read in ((".spec", _read_line), (".json", _read_json)):
            for path in _candidates(folder, name, suffix):
                if path.exists():
                    return read(path)
    raise PluginMissing(name)


def _candidates(folder: Path, name: str, suffix: str) -> Iterator[Path]:
    yield folder / f"{name}{suffix}"
    yield folder / name / f"{name}{suffix}"


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SystemFailure(f"{path}, which says where a plugin is, cannot be read: {error.strerror}") from error


def _read_line(path: Path) -> Address:
    return _address(_text(path).decode(errors="replace").strip(), None, path)


def _read_json(path: Path) -> Address:
    try:
        said = msgspec.json.decode(_text(path), type=_Said)
    except msgspec.DecodeError as error:
        raise SystemFailure(f"{path} does not say where a plugin is: {error}") from error
    return _address(said.addr, said.tls_config, path)


def _address(url: str, said: _TlsSaid | None, path: Path) -> Address:
    parts = urlsplit(url)
    match parts.scheme:
        case "unix" if parts.path:
            return Address(path=parts.path)
        case "tcp" | "http" if parts.netloc:
            return Address(host=parts.netloc)
        case "https" if parts.netloc:
            return Address(host=parts.netloc, tls=_tls(said or _TlsSaid()))
    raise SystemFailure(
        f"{path} does not say where a plugin is: {url!r} is neither unix:///PATH nor tcp://HOST:PORT nor "
        "https://HOST:PORT"
    )


def _tls(said: _TlsSaid) -> Tls:
    # Docker's rule: without an authority to ask there is nothing to verify by.
    verify = bool(said.ca_file) and not said.insecure_skip_verify
    return Tls(verify=verify, authority=said.ca_file, certificate=said.cert_file, key=said.key_file)
