"""What should be true of traffic, without a word on rules.

Intents are independent facts: adding or removing one never changes the meaning of another, so their order cannot
matter and a change costs what it changes. A backend renders each into elements (nftables) or rules (iptables).
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from netwright.model.addressing import IPAddress, Mac
from netwright.model.ports import Protocol
from netwright.model.sources import Sources, SourceSet


class GatewayMode(StrEnum):
    """How a network of one family meets the outside (Docker's `com.docker.network.bridge.gateway_mode_ipv4`)."""

    NAT = "nat"
    NAT_UNPROTECTED = "nat-unprotected"
    ROUTED = "routed"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkIntent:
    """One family of a bridge network.

    `masquerade` hides container addresses behind the host's on the way out (`snat_to` names one, else the leaving
    interface's is taken). `icc` False closes the bridge between its own ports. `loopback` lets 127.0.0.1's published
    ports in. `direct` leaves container addresses reachable from everywhere, for published ports. `host_access` lets the
    containers of an internal network reach this host, as those of all others do.
    """

    network: str
    bridge: str
    subnet: IPv4Network | IPv6Network
    mode: GatewayMode = GatewayMode.NAT
    internal: bool = False
    icc: bool = True
    masquerade: bool = True
    snat_to: IPAddress | None = None
    trusted: tuple[str, ...] = ()
    direct: bool = False
    host_access: bool = False

    @property
    def version(self) -> int:
        """The IP version, 4 or 6."""
        return self.subnet.version


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointIntent:
    """One family's address of an endpoint: who may send with it, and that strangers may not reach it directly.

    `port` is the host's end of the endpoint's link; `icc` False keeps it from the other ports of its bridge.
    """

    network: str
    bridge: str
    port: str
    mac: Mac
    address: IPAddress
    mode: GatewayMode = GatewayMode.NAT
    internal: bool = False
    icc: bool = True
    trusted: tuple[str, ...] = ()
    direct: bool = False

    @property
    def version(self) -> int:
        """The IP version, 4 or 6."""
        return self.address.version

    @property
    def is_reached_directly(self) -> bool:
        """Whether packets from outside may be addressed to it."""
        return not self.internal and (self.direct or bool(self.trusted) or self.mode is not GatewayMode.NAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortIntent:
    """A run of published ports: host ports `first`..`last` lead to `to_first`.. of a container.

    `host_ip` unspecified (0.0.0.0 or ::) stands for every address of the host. In routed mode there is no host side:
    `first` is 0 and only `to_first`..`to_first + last - first` are opened.
    """

    network: str
    bridge: str
    protocol: Protocol
    host_ip: IPAddress
    first: int
    last: int
    to_address: IPAddress
    to_first: int
    mode: GatewayMode = GatewayMode.NAT

    @property
    def version(self) -> int:
        """The IP version, 4 or 6."""
        return self.to_address.version


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkIntent:
    """An exception to `icc=False`: `parent` may reach this port of `child` (Docker's legacy links)."""

    network: str
    bridge: str
    parent: IPAddress
    child: IPAddress
    protocol: Protocol
    port: int

    @property
    def version(self) -> int:
        """The IP version, 4 or 6."""
        return self.parent.version


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesIntent:
    """Only some may connect to a run of published ports of an endpoint, whatever carries their packets on from here.

    `host_ip` unspecified stands for every address of the host. Where a network is routed it is the container's own
    address, and the ports are the container's: neighbours on its bridge are not strangers there.
    """

    network: str
    bridge: str
    endpoint: str
    protocol: Protocol
    host_ip: IPAddress
    first: int
    last: int
    sources: Sources
    routed: bool = False

    @property
    def version(self) -> int:
        """The IP version, 4 or 6."""
        return self.host_ip.version


@dataclass(frozen=True, slots=True, kw_only=True)
class LanIntent:
    """Which prefixes this host is directly on, of one family: what `lan` means in `Sources`. They do not overlap."""

    version: int
    networks: tuple[IPv4Network | IPv6Network, ...]

    @property
    def bridge(self) -> str:
        """No bridge of ours."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetIntent:
    """Who is in a set that `Sources` may name, of one family. They do not overlap."""

    name: str
    version: int
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, one: SourceSet | None) -> "list[SourceSetIntent]":
        """Return what a set means, for each family; nothing where there is none."""
        if one is None:
            return []
        return [
            cls(name=one.name, version=4, networks=one.networks4),
            cls(name=one.name, version=6, networks=one.networks6),
        ]

    @property
    def bridge(self) -> str:
        """No bridge of ours."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangersIntent:
    """Which bridges of others there are: what stays inside of one is no business of ours, even if rules see it."""

    version: int
    bridges: tuple[str, ...]

    @property
    def bridge(self) -> str:
        """No bridge of ours."""
        return ""


Intent = (
    NetworkIntent
    | EndpointIntent
    | PortIntent
    | LinkIntent
    | SourcesIntent
    | LanIntent
    | SourceSetIntent
    | StrangersIntent
)
