"""The options of a bridge network, out of the strings that users write.

What each means is Docker's (`com.docker.network.bridge.*`), but for `netwright.*`. Names that are none of these are
judged by `drivers.option_names`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from netwright.drivers.endpoint_options import IFNAME_LENGTH, is_interface_name
from netwright.errors import InvalidInput
from netwright.firewall.intent import GatewayMode
from netwright.model.addressing import ANY_IPV4, IPAddress
from netwright.model.names import Id
from netwright.model.network import Network

_BRIDGE = "com.docker.network.bridge."
_DRIVER = "com.docker.network.driver."
_NETWORK = "com.docker.network."
HOST_ACCESS = "netwright.host_access"
"""Ours: Docker's internal networks reach the host always."""

BRIDGE_OPTIONS = (
    _BRIDGE + "name",
    _BRIDGE + "enable_ip_masquerade",
    _BRIDGE + "enable_icc",
    _BRIDGE + "host_binding_ipv4",
    _BRIDGE + "inhibit_ipv4",
    _BRIDGE + "default_bridge",
    _BRIDGE + "gateway_mode_ipv4",
    _BRIDGE + "gateway_mode_ipv6",
    _BRIDGE + "trusted_host_interfaces",
    _DRIVER + "mtu",
    _NETWORK + "enable_ipv4",
    _NETWORK + "enable_ipv6",
    _NETWORK + "container_iface_prefix",
    _NETWORK + "host_ipv4",
    _NETWORK + "host_ipv6",
    _NETWORK + "advertise_addr_nmsgs",
    _NETWORK + "advertise_addr_ms",
    HOST_ACCESS,
)

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """A bridge network's options, parsed. `mtu` 0 leaves the kernel's default.

    `announces` tells whether they say anything of announcements.
    """

    name: str
    masquerade: bool = True
    icc: bool = True
    host_binding: IPAddress = ANY_IPV4
    inhibit_ipv4: bool = False
    default: bool = False
    mode4: GatewayMode = GatewayMode.NAT
    mode6: GatewayMode = GatewayMode.NAT
    trusted: tuple[str, ...] = ()
    mtu: int = 0
    prefix: str = "eth"
    snat4: IPAddress | None = None
    snat6: IPAddress | None = None
    announcements: int = 3
    announcement_interval: int = 1000
    announces: bool = False
    host_access: bool = False

    @classmethod
    def parse(cls, network: Network) -> "BridgeOptions":
        """Read a network's options. Raises InvalidInput or Forbidden.

        Every change asks for them several times, and some for those of all networks: what was read once is remembered.
        """
        return cls._read(network.id, network.internal, tuple(network.options.items()))

    @classmethod
    @lru_cache(maxsize=4096)
    def _read(cls, identity: Id, internal: bool, options: tuple[tuple[str, str], ...]) -> "BridgeOptions":
        read = _Reader(dict(options))
        return cls(
            name=read.interface_name(_BRIDGE + "name", f"br-{identity[:12]}"),
            masquerade=read.boolean(_BRIDGE + "enable_ip_masquerade", default=True),
            icc=read.boolean(_BRIDGE + "enable_icc", default=True),
            host_binding=read.address(_BRIDGE + "host_binding_ipv4") or ANY_IPV4,
            inhibit_ipv4=read.boolean(_BRIDGE + "inhibit_ipv4", default=False),
            default=read.boolean(_BRIDGE + "default_bridge", default=False),
            mode4=read.mode(_BRIDGE + "gateway_mode_ipv4", internal=internal),
            mode6=read.mode(_BRIDGE + "gateway_mode_ipv6", internal=internal),
            trusted=tuple(filter(None, read.text(_BRIDGE + "trusted_host_interfaces", "").split(":"))),
            mtu=read.number(_DRIVER + "mtu", 0, low=0, high=65535),
            prefix=read.interface_name(_NETWORK + "container_iface_prefix", "eth"),
            snat4=read.address(_NETWORK + "host_ipv4", version=4),
            snat6=read.address(_NETWORK + "host_ipv6", version=6),
            announcements=read.number(_NETWORK + "advertise_addr_nmsgs", 3, low=0, high=3),
            host_access=read.host_access(internal=internal),
            announcement_interval=read.number(_NETWORK + "advertise_addr_ms", 1000, low=100, high=2000),
            announces=not read.lacks(_NETWORK + "advertise_addr_nmsgs", _NETWORK + "advertise_addr_ms"),
        )

    def mode(self, version: int) -> GatewayMode:
        """Return the gateway mode of an IP version."""
        return self.mode4 if version == 4 else self.mode6


class _Reader:
    """Reads typed values out of a network's option strings, with Docker's words for what is wrong."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options

    def lacks(self, *keys: str) -> bool:
        return self._options.keys().isdisjoint(keys)

    def text(self, key: str, default: str) -> str:
        return self._options.get(key) or default

    def interface_name(self, key: str, default: str) -> str:
        name = self.text(key, default)
        if not is_interface_name(name):
            raise InvalidInput(
                f"failed to parse {key} value: {name} (an interface name has up to {IFNAME_LENGTH} characters, "
                "no blank, slash or colon)"
            )
        return name

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self._options.get(key)
        if value is None:
            return default
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise InvalidInput(
            f'failed to parse {key} value: {value} (strconv.ParseBool: parsing "{value}": invalid syntax)'
        )

    def number(self, key: str, default: int, *, low: int, high: int) -> int:
        value = self._options.get(key)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            raise InvalidInput(
                f'failed to parse {key} value: {value} (strconv.Atoi: parsing "{value}": invalid syntax)'
            ) from None
        if not low <= number <= high:
            raise InvalidInput(f"failed to parse {key} value: {value} (it must be between {low} and {high})")
        return number

    def address(self, key: str, version: int | None = None) -> IPAddress | None:
        value = self._options.get(key)
        if not value:
            return None
        try:
            address = ip_address(value)
        except ValueError:
            raise InvalidInput(f"failed to parse {key} value: {value} (not an IP address)") from None
        if version is not None and address.version != version:
            raise InvalidInput(f"failed to parse {key} value: {value} (not an IPv{version} address)")
        return address

    def host_access(self, *, internal: bool) -> bool:
        if HOST_ACCESS in self._options and not internal:
            raise InvalidInput(f"{HOST_ACCESS} is for internal networks: those of all others reach the host anyway")
        return self.boolean(HOST_ACCESS, default=False)

    def mode(self, key: str, *, internal: bool) -> GatewayMode:
        value = self._options.get(key) or GatewayMode.NAT
        try:
            mode = GatewayMode(value)
        except ValueError:
            raise InvalidInput(f"failed to parse {key} value: {value} (unknown gateway mode {value})") from None
        if mode is GatewayMode.ISOLATED and not internal:
            raise InvalidInput("gateway mode 'isolated' can only be used for an internal network")
        return mode
