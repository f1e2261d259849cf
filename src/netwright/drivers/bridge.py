"""The bridge driver: a Linux bridge on the host, a veth pair for each endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import ClassVar

from netwright.drivers.api import Capabilities, Driver
from netwright.drivers.bridge_options import BRIDGE_OPTIONS, BridgeOptions
from netwright.drivers.endpoint_options import sysctl_ops
from netwright.errors import Forbidden, InvalidInput
from netwright.firewall.intent import (
    EndpointIntent,
    GatewayMode,
    Intent,
    LinkIntent,
    NetworkIntent,
    PortIntent,
    SourcesIntent,
)
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    AddVeth,
    AnnounceAddress,
    DeleteLink,
    Op,
    RetireLink,
    SetLinkMtu,
    SetLinkUp,
    SetSysctl,
)
from netwright.model.addressing import IPAddress, IPInterface, Mac
from netwright.model.network import Endpoint, Network, Pool
from netwright.model.ports import Port

DEFAULT_MTU = 1500

LINK_LOCAL = ip_network("fe80::/64")
"""What every IPv6 interface has anyway (RFC 4291, 2.5.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """What of the daemon's options concerns the driver.

    `group` tags the links. `loopback_by_nat` says that ports published on 127.0.0.1 are translated by the kernel, which
    needs `route_localnet` on the bridge (the firewall's guard against containers comes first: `open_network`).
    `direct` leaves container addresses reachable from outside (`--allow-direct-routing`).
    """

    group: int
    loopback_by_nat: bool = True
    direct: bool = False


class BridgeDriver(Driver):
    """Networks on Linux bridges."""

    name: ClassVar[str] = "bridge"
    capabilities: ClassVar[Capabilities] = Capabilities()
    network_options: ClassVar[Sequence[str] | None] = BRIDGE_OPTIONS

    def __init__(self, settings: BridgeSettings) -> None:
        self._settings = settings

    def check(self, network: Network) -> None:
        """Raise InvalidInput or Forbidden where options or pools make no sense to a bridge."""
        BridgeOptions.parse(network)
        for version, wanted in ((4, network.ipv4), (6, network.ipv6)):
            pools = [pool for pool in network.pools if pool.subnet.version == version]
            if len(pools) > 1:
                raise Forbidden("bridge driver doesn't support multiple subnets")
            if wanted and (not pools or pools[0].subnet.prefixlen == 0):
                raise InvalidInput(f"ipv{version} pool is empty")
            if any(pool.subnet != LINK_LOCAL and pool.subnet.overlaps(LINK_LOCAL) for pool in pools):
                raise InvalidInput(f"subnet {pools[0].subnet} clashes with the Link-Local prefix '{LINK_LOCAL}'")

    def create_network(self, network: Network) -> Sequence[Op]:
        """Return what makes the bridge with its gateway addresses, still down."""
        options = BridgeOptions.parse(network)
        ops: list[Op] = []
        if not network.adopted:
            ops.append(
                AddBridge(
                    name=options.name,
                    mac=Mac.derived(network.id),
                    mtu=options.mtu or DEFAULT_MTU,
                    group=self._settings.group,
                )
            )
        elif options.mtu:
            ops.append(SetLinkMtu(name=options.name, mtu=options.mtu))
        if not network.adopted:
            ops.append(SetSysctl(key=f"net/ipv6/conf/{options.name}/accept_ra", value="0", optional=True))
        has_ipv6 = network.ipv6 and options.mode6 is not GatewayMode.ISOLATED
        if not network.adopted or has_ipv6:
            key = f"net/ipv6/conf/{options.name}/disable_ipv6"
            ops.append(SetSysctl(key=key, value="0" if has_ipv6 else "1", optional=not has_ipv6))
        if not network.adopted and has_ipv6:
            # As Docker: until its link-local address is found to be nobody else's, a second or two after the first
            # endpoint, the kernel calls for no neighbour on the bridge, and nothing from outside arrives.
            ops.append(SetSysctl(key=f"net/ipv6/conf/{options.name}/accept_dad", value="0"))
        ops.extend(AddAddress(link=options.name, address=address) for address in gateway_interfaces(network, options))
        return ops

    def open_network(self, network: Network) -> Sequence[Op]:
        """Return what brings the bridge up; the loopback route only now, when the guard against containers stands."""
        options = BridgeOptions.parse(network)
        ops: list[Op] = []
        if network.ipv4 and not network.internal and self._settings.loopback_by_nat:
            ops.append(SetSysctl(key=f"net/ipv4/conf/{options.name}/route_localnet", value="1"))
        ops.append(SetLinkUp(name=options.name))
        return ops

    def interface_prefix(self, network: Network) -> str:
        """Return what the network's options say, or `eth`."""
        return BridgeOptions.parse(network).prefix

    def needs_gateway(self, network: Network, version: int) -> bool:
        """Tell whether the bridge, or a router that stands in for it, is to have an address of a family."""
        options = BridgeOptions.parse(network)
        unused = version == 4 and options.inhibit_ipv4 and network.internal
        return not unused and options.mode(version) is not GatewayMode.ISOLATED

    def gateway(self, network: Network, version: int) -> IPAddress | None:
        """Return the bridge's address, or the router named by Docker's auxiliary address for it; none if isolated."""
        pool = network.pool(version)
        if pool is None or BridgeOptions.parse(network).mode(version) is GatewayMode.ISOLATED:
            return None
        return pool.auxiliary.get(f"DefaultGatewayIPv{version}", pool.gateway)

    def is_routed(self, network: Network, version: int) -> bool:
        """Tell whether the family's gateway mode is `routed`."""
        return BridgeOptions.parse(network).mode(version) is GatewayMode.ROUTED

    def default_binding(self, network: Network) -> IPAddress:
        """Return what the network's options say, or 0.0.0.0."""
        return BridgeOptions.parse(network).host_binding

    def links(self, network: Network) -> Sequence[str]:
        """Return the bridge's name."""
        return (BridgeOptions.parse(network).name,)

    def delete_network(self, network: Network) -> Sequence[Op]:
        """Return what removes the bridge; one that stood there before us stays as it is."""
        return () if network.adopted else (DeleteLink(name=BridgeOptions.parse(network).name),)

    def attach(self, network: Network, endpoint: Endpoint, netns: str) -> Sequence[Op]:
        """Return what plugs the endpoint in: the pair in one request, addresses, both ends up."""
        options = BridgeOptions.parse(network)
        ops: list[Op] = [
            AddVeth(
                host_name=endpoint.host_interface,
                host_mac=Mac.derived(f"{endpoint.id}/host"),
                bridge=options.name,
                name=endpoint.interface,
                mac=_mac(endpoint),
                netns=netns,
                mtu=options.mtu or DEFAULT_MTU,
                group=self._settings.group,
            )
        ]
        addresses = endpoint_interfaces(endpoint)
        if any(address.version == 6 for address in addresses):
            key = f"net/ipv6/conf/{endpoint.interface}/disable_ipv6"
            ops.append(SetSysctl(key=key, value="0", netns=netns))
        ops.extend(AddAddress(link=endpoint.interface, address=address, netns=netns) for address in addresses)
        ops.extend(sysctl_ops(endpoint, netns))
        ops.extend((SetLinkUp(name=endpoint.interface, netns=netns), SetLinkUp(name=endpoint.host_interface)))
        return ops

    def announce(self, network: Network, endpoint: Endpoint, netns: str) -> Sequence[AnnounceAddress]:
        """Return one announcement of all addresses, as often as the options say."""
        options = BridgeOptions.parse(network)
        told = AnnounceAddress(
            link=endpoint.interface,
            mac=_mac(endpoint),
            addresses=tuple(address.ip for address in endpoint_interfaces(endpoint)),
            netns=netns,
            count=options.announcements,
            interval=options.announcement_interval,
        )
        return (told,) if options.announcements else ()

    def is_told_to_announce(self, network: Network) -> bool:
        """Tell whether one of the options for it is there, whatever it says."""
        return BridgeOptions.parse(network).announces

    def detach(self, network: Network, endpoint: Endpoint, netns: str | None) -> Sequence[Op]:  # noqa: ARG002
        """Return what unplugs the endpoint; in a namespace that lives on, its end is retired first."""
        gone = DeleteLink(name=endpoint.host_interface)
        if netns is None:
            return (gone,)
        addresses = tuple(endpoint_interfaces(endpoint))
        return (RetireLink(name=endpoint.interface, netns=netns, addresses=addresses), gone)

    def called_for(self, network: Network, endpoint: Endpoint) -> Sequence[IPAddress]:
        """Return the IPv6 address where the network is routed: translated ones are not reached from a wire."""
        if endpoint.ipv6 is None or network.internal or not self.is_routed(network, 6):
            return ()
        return (endpoint.ipv6.ip,)

    def intents(self, network: Network) -> Sequence[Intent]:
        """Return what should be true of each family of the network."""
        options = BridgeOptions.parse(network)
        return [
            NetworkIntent(
                network=network.id,
                bridge=options.name,
                subnet=pool.subnet,
                mode=options.mode(pool.subnet.version),
                internal=network.internal,
                host_access=options.host_access,
                icc=options.icc,
                masquerade=options.masquerade,
                snat_to=options.snat4 if pool.subnet.version == 4 else options.snat6,
                trusted=options.trusted,
                direct=self._settings.direct,
            )
            for pool in _active_pools(network)
        ]

    def link_intents(
        self, network: Network, parent: Endpoint, child: Endpoint, ports: Sequence[Port]
    ) -> Sequence[Intent]:
        """Return an exception for each port and family where the network's neighbours keep apart."""
        options = BridgeOptions.parse(network)
        if options.icc:
            return ()
        families = [(parent.ipv4, child.ipv4), (parent.ipv6, child.ipv6)]
        return [
            LinkIntent(
                network=network.id,
                bridge=options.name,
                parent=one.ip,
                child=other.ip,
                protocol=port.protocol,
                port=port.number,
            )
            for one, other in families
            if one is not None and other is not None
            for port in ports
        ]

    def endpoint_intents(self, network: Network, endpoint: Endpoint) -> Sequence[Intent]:
        """Return what should be true of the endpoint's addresses and of its published ports."""
        options = BridgeOptions.parse(network)
        addresses = [
            EndpointIntent(
                network=network.id,
                bridge=options.name,
                port=endpoint.host_interface,
                mac=_mac(endpoint),
                address=address.ip,
                mode=options.mode(address.version),
                internal=network.internal,
                icc=options.icc,
                trusted=options.trusted,
                direct=self._settings.direct,
            )
            for address in endpoint_interfaces(endpoint)
        ]
        ports = _port_intents(network, endpoint, options)
        return [*addresses, *ports, *_sources_intents(network, endpoint, options)]


def _mac(endpoint: Endpoint) -> Mac:
    return endpoint.mac or Mac.derived(endpoint.id)


def _active_pools(network: Network) -> list[Pool]:
    return [
        pool
        for version, wanted in ((4, network.ipv4), (6, network.ipv6))
        if wanted and (pool := network.pool(version)) is not None
    ]


def endpoint_interfaces(endpoint: Endpoint) -> list[IPInterface]:
    """Return all addresses of an endpoint's interface, the user's link-local ones last (/16 and /64, as Docker)."""
    own: list[IPInterface] = [address for address in (endpoint.ipv4, endpoint.ipv6) if address is not None]
    local = [ip_interface(f"{address}/{16 if address.version == 4 else 64}") for address in endpoint.spec.link_local]
    return [*own, *local]


def gateway_interfaces(network: Network, options: BridgeOptions) -> list[IPInterface]:
    """Return the addresses that the bridge itself carries: none where it is isolated or must not be touched."""
    return [
        ip_interface(f"{pool.gateway}/{pool.subnet.prefixlen}")
        for pool in _active_pools(network)
        if pool.gateway is not None
        and options.mode(pool.subnet.version) is not GatewayMode.ISOLATED
        and not (pool.subnet.version == 4 and options.inhibit_ipv4)
    ]


def _sources_intents(network: Network, endpoint: Endpoint, options: BridgeOptions) -> list[SourcesIntent]:
    """Return one intent for each granted binding that only some may use, whoever carries it."""
    intents = []
    for binding in endpoint.bindings:
        if binding.sources.any:
            continue
        routed = not binding.host_port
        own = endpoint.ipv4 if binding.host_ip.version == 4 else endpoint.ipv6
        if routed and own is None:
            continue
        number = binding.host_port or binding.port.number
        intents.append(
            SourcesIntent(
                network=network.id,
                bridge=options.name,
                endpoint=endpoint.id,
                protocol=binding.port.protocol,
                host_ip=own.ip if routed and own is not None else binding.host_ip,
                first=number,
                last=number,
                sources=binding.sources,
                routed=routed,
            )
        )
    return intents


def _port_intents(network: Network, endpoint: Endpoint, options: BridgeOptions) -> list[PortIntent]:
    """Return one intent for each granted binding that the kernel can carry (the relay serves the others)."""
    intents = []
    for binding in endpoint.bindings:
        own = endpoint.ipv4 if binding.host_ip.version == 4 else endpoint.ipv6
        if own is None:
            continue
        intents.append(
            PortIntent(
                network=network.id,
                bridge=options.name,
                protocol=binding.port.protocol,
                host_ip=binding.host_ip,
                first=binding.host_port,
                last=binding.host_port,
                to_address=own.ip,
                to_first=binding.port.number,
                mode=options.mode(binding.host_ip.version),
            )
        )
    return intents
