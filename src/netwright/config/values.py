"""The values that options take: small facts, and how each is read from text and from JSON.

Readers raise ValueError with a reason that completes the sentence `invalid argument "x" for "--flag" flag: ...`; where
Docker has a text for the fault, it is Docker's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from typing import TypeVar

from netwright.config.option import Kind
from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, IPNetwork, parse_address
from netwright.model.listener import Listener
from netwright.model.sources import Sources

T = TypeVar("T")

_HOSTNAME = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*\.?")


@dataclass(frozen=True, slots=True)
class AddressPool:
    """A range that subnets of new networks are cut from: `base=10.0.0.0/8,size=24`."""

    base: IPNetwork
    size: int


@dataclass(frozen=True, slots=True)
class NetworkOption:
    """An option that every new network of a driver gets unless it has its own: `bridge=KEY=VALUE`."""

    driver: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the API is offered.

    `scheme` is `unix` (`address` is a path, "" for the default one), `tcp` (`address` is the host, "" for all, with
    `port`) or `fd` (sockets handed over by systemd).
    """

    scheme: str
    address: str
    port: int = 0

    def __str__(self) -> str:
        if self.scheme != "tcp":
            return f"{self.scheme}://{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"tcp://{host}:{self.port}"


def reads(metavar: str, read: Callable[[str], T], choices: tuple[str, ...] = ()) -> Kind[T]:
    """Return the kind of values that are written as a string in the file too."""

    def from_json(value: object) -> T:
        return read(_string(value))

    return Kind(metavar=metavar, from_text=read, from_json=from_json, choices=choices)


def one_of(fault: str, *names: str) -> Kind[str]:
    """Return the kind of a few fixed words; `fault` begins the reason against any other."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"{fault}, it must be one of {', '.join(names)}")
        return text

    return reads("|".join(names), read, names)


def number(fault: str, *, low: int, high: int) -> Kind[int]:
    """Return the kind of whole numbers from `low` to `high`; in the file a number, not a string."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"{fault}: {value} (it must be from {low} to {high})")
        return value

    def from_text(text: str) -> int:
        if re.fullmatch(r"[+-]?[0-9]{1,18}", text) is None:
            raise ValueError("must be a whole number")
        return check(int(text))

    def from_json(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number, without quotes")  # noqa: TRY004 - readers raise ValueError
        return check(value)

    return Kind(metavar="int", from_text=from_text, from_json=from_json)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string, in quotes")  # noqa: TRY004 - readers raise ValueError
    return value


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("must be a path")
    return Path(text)


def _address(text: str) -> IPAddress:
    try:
        return parse_address(text)
    except InvalidInput:
        raise ValueError(f"IP address is not correctly formatted: {text}") from None


def _server(text: str) -> IPAddress:
    # Docker trims what stands in lists of DNS servers; a zone (fe80::1%eth0) is the resolver's business.
    try:
        return ip_address(text.strip())
    except ValueError:
        raise ValueError(f"IP address is not correctly formatted: {text}") from None


def _interface4(text: str) -> IPv4Interface:
    try:
        return IPv4Interface(_with_prefix(text))
    except AddressValueError:
        raise ValueError(f"{text} is not an IPv4 address with its prefix length, such as 192.168.5.1/24") from None


def _interface6(text: str) -> IPv6Interface:
    try:
        return IPv6Interface(_with_prefix(text))
    except AddressValueError:
        raise ValueError(f"{text} is not an IPv6 address with its prefix length, such as fd00:5::1/64") from None


def _with_prefix(text: str) -> str:
    if "/" not in text:
        raise ValueError(f"invalid CIDR address: {text}")
    return text


def _network4(text: str) -> IPv4Network:
    return _interface4(text).network


def _network6(text: str) -> IPv6Network:
    return _interface6(text).network


def _address4(text: str) -> IPv4Address:
    address = _address(text)
    if not isinstance(address, IPv4Address):
        raise ValueError(f"{text} is not an IPv4 address")  # noqa: TRY004 - readers raise ValueError
    return address


def _address6(text: str) -> IPv6Address:
    address = _address(text)
    if not isinstance(address, IPv6Address):
        raise ValueError(f"{text} is not an IPv6 address")  # noqa: TRY004 - readers raise ValueError
    return address


def _pool(text: str) -> AddressPool:
    """Read `base=10.0.0.0/8,size=24`, as Docker's `--default-address-pool`."""
    fields: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or name not in ("base", "size"):
            raise ValueError(f"invalid field {part}, it must be base=CIDR,size=NUMBER")
        fields[name] = value
    if fields.keys() != {"base", "size"}:
        raise ValueError("it must be base=CIDR,size=NUMBER")
    if not (fields["size"].isascii() and fields["size"].isdigit()):
        raise ValueError(f"invalid size: {fields['size']}")
    return _checked_pool(fields["base"], int(fields["size"]))


def _checked_pool(base: str, size: int) -> AddressPool:
    try:
        network = ip_network(base, strict=False)
    except ValueError:
        raise ValueError(f"invalid CIDR address: {base}") from None
    if not network.prefixlen <= size <= network.max_prefixlen:
        raise ValueError(f"invalid size {size}: a subnet of {network} has a prefix length from it to its family's full")
    return AddressPool(network, size)


def _json_pool(value: object) -> AddressPool:
    if isinstance(value, dict) and value.keys() == {"base", "size"}:
        base, size = value["base"], value["size"]
        if isinstance(base, str) and isinstance(size, int) and not isinstance(size, bool):
            return _checked_pool(base, size)
    raise ValueError('must be like {"base": "10.0.0.0/8", "size": 24}')


def _network_option(text: str) -> NetworkOption:
    """Read `bridge=com.docker.network.driver.mtu=1400`, as Docker's `--default-network-opt`."""
    driver, first, rest = text.partition("=")
    name, second, value = rest.partition("=")
    if not (driver and first and name and second):
        raise ValueError("must be like DRIVER=KEY=VALUE")
    return NetworkOption(driver, name, value)


def _json_network_options(value: object) -> tuple[NetworkOption, ...]:
    if not isinstance(value, dict):
        raise ValueError('must be like {"bridge": {"KEY": "VALUE"}}')  # noqa: TRY004 - readers raise ValueError
    found = []
    for driver, options in value.items():
        if not isinstance(options, dict):
            raise ValueError(f"the options of {driver} must be an object")  # noqa: TRY004 - readers raise ValueError
        found += [NetworkOption(driver, name, _string(option)) for name, option in options.items()]
    return tuple(found)


def _sources(text: str) -> Sources:
    try:
        return Sources.parse([text])
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"bad attribute format: {text} (a label is like KEY=VALUE)")
    return name, value


def _search(text: str) -> str:
    """Read a search domain; `.` is Docker's way to say none at all."""
    domain = text.strip()
    if domain != "." and (len(domain) > 253 or _HOSTNAME.fullmatch(domain) is None):
        raise ValueError(f"invalid domain: {text}")
    return domain


def _listen(text: str) -> Listen:
    """Read the value of `--host`: `unix:///path`, `tcp://host:port`, `fd://`."""
    scheme, found, rest = text.strip().partition("://")
    if not found:
        raise ValueError(f"invalid bind address format: {text} (it must be like unix:///run/netwright/docker.sock)")
    if scheme == "unix":
        return Listen("unix", rest)
    if scheme == "fd":
        return Listen("fd", rest)
    if scheme == "tcp":
        return _listen_tcp(rest, text)
    raise ValueError(f"invalid bind address format: {text} (only unix://, tcp:// and fd:// are known)")


# Host, or an IPv6 address in brackets; port. Docker's API over TLS, the only form offered here, has port 2376.
_TCP = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[^\[\]:/]*))(?::(?P<port>[0-9]{1,5}))?/?")
_TLS_PORT = 2376


def _listen_tcp(rest: str, text: str) -> Listen:
    match = _TCP.fullmatch(rest)
    port = int(match["port"] or _TLS_PORT) if match is not None else 0
    if match is None or not 0 < port <= 65535:
        raise ValueError(f"invalid bind address format: {text} (it must be like tcp://192.0.2.1:2376)")
    return Listen("tcp", match["v6"] or match["host"], port)


def _listener(text: str) -> Listener:
    try:
        return Listener.parse(text)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _json_listeners(value: object) -> tuple[Listener, ...]:
    """Read a list, or one that stands alone."""
    return tuple(_listener(_string(one)) for one in (value if isinstance(value, list) else [value]))


TEXT = reads("string", _text)
PATH = reads("path", _path)
LISTEN = reads("address", _listen)
LABEL = reads("key=value", _label)
ADDRESS = reads("ip", _address)
ADDRESS4 = reads("ip", _address4)
ADDRESS6 = reads("ip", _address6)
SERVER = reads("ip", _server)
LISTENER: Kind[Listener] = Kind(
    metavar="ip[:port]",
    from_text=_listener,
    from_json=lambda value: _listener(_string(value)),
    whole=_json_listeners,
)
SOURCES = reads("who,...", _sources)
SEARCH = reads("domain", _search)
INTERFACE4 = reads("cidr", _interface4)
INTERFACE6 = reads("cidr", _interface6)
NETWORK4 = reads("cidr", _network4)
NETWORK6 = reads("cidr", _network6)
POOL: Kind[AddressPool] = Kind(metavar="base=CIDR,size=n", from_text=_pool, from_json=_json_pool)
NETWORK_OPTION: Kind[NetworkOption] = Kind(
    metavar="driver=key=value",
    from_text=_network_option,
    from_json=lambda value: _network_option(_string(value)),
    whole=_json_network_options,
)
