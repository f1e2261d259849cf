"""The options of a bridge network, out of the strings that users write.

What each means is Docker's (`com.docker.network.bridge.*`); an unknown one is an error that names the nearest known,
because a misspelt `enable_icc` that is silently ignored opens what the user meant to close.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address

from netwright.errors import InvalidInput
from netwright.firewall.intent import GatewayMode
from netwright.model.addressing import ANY_IPV4, IPAddress
from netwright.model.network import Network

_BRIDGE = "com.docker.network.bridge."
_DRIVER = "com.docker.network.driver."
_NETWORK = "com.docker.network."

_KNOWN = (
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
)

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))

IFNAME_LENGTH = 15
"""The longest name that the kernel gives an interface (IFNAMSIZ less the final NUL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """A bridge network's options, parsed. `mtu` 0 leaves the kernel's default."""

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

    @classmethod
    def parse(cls, network: Network) -> "BridgeOptions":
        """Read a network's options. Raises InvalidInput or Forbidden."""
        read = _Reader(network.options)
        read.refuse_unknown()
        return cls(
            name=read.interface_name(_BRIDGE + "name", f"br-{network.id[:12]}"),
            masquerade=read.boolean(_BRIDGE + "enable_ip_masquerade", default=True),
            icc=read.boolean(_BRIDGE + "enable_icc", default=True),
            host_binding=read.address(_BRIDGE + "host_binding_ipv4") or ANY_IPV4,
            inhibit_ipv4=read.boolean(_BRIDGE + "inhibit_ipv4", default=False),
            default=read.boolean(_BRIDGE + "default_bridge", default=False),
            mode4=read.mode(_BRIDGE + "gateway_mode_ipv4", internal=network.internal),
            mode6=read.mode(_BRIDGE + "gateway_mode_ipv6", internal=network.internal),
            trusted=tuple(filter(None, read.text(_BRIDGE + "trusted_host_interfaces", "").split(":"))),
            mtu=read.number(_DRIVER + "mtu", 0, low=0, high=65535),
            prefix=read.interface_name(_NETWORK + "container_iface_prefix", "eth"),
            snat4=read.address(_NETWORK + "host_ipv4", version=4),
            snat6=read.address(_NETWORK + "host_ipv6", version=6),
            announcements=read.number(_NETWORK + "advertise_addr_nmsgs", 3, low=0, high=3),
            announcement_interval=read.number(_NETWORK + "advertise_addr_ms", 1000, low=100, high=2000),
        )

    def mode(self, version: int) -> GatewayMode:
        """Return the gateway mode of an IP version."""
        return self.mode4 if version == 4 else self.mode6


class _Reader:
    """Reads typed values out of a network's option strings, with Docker's words for what is wrong."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options

    def refuse_unknown(self) -> None:
        for key in self._options:
            if key not in _KNOWN:
                near = get_close_matches(key, _KNOWN, n=1, cutoff=0.5)
                hint = f": did you mean {near[0]}?" if near else ""
                raise InvalidInput(f"unknown option {key} for driver bridge{hint}")

    def text(self, key: str, default: str) -> str:
        return self._options.get(key) or default

    def interface_name(self, key: str, default: str) -> str:
        name = self.text(key, default)
        if len(name) > IFNAME_LENGTH or not name.isprintable() or "/" in name or " " in name or name in {".", ".."}:
            raise InvalidInput(
                f"failed to parse {key} value: {name} (an interface name has up to {IFNAME_LENGTH} characters, "
                "no space and no slash)"
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

    def mode(self, key: str, *, internal: bool) -> GatewayMode:
        value = self._options.get(key) or GatewayMode.NAT
        try:
            mode = GatewayMode(value)
        except ValueError:
            raise InvalidInput(f"failed to parse {key} value: {value} (unknown gateway mode {value})") from None
        if mode is GatewayMode.ISOLATED and not internal:
            raise InvalidInput("gateway mode 'isolated' can only be used for an internal network")
        return mode
