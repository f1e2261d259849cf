"""JSON shapes of networks and endpoints."""

from typing import ClassVar

from msgspec import UNSET, UnsetType, field

from netwright.api.wire.shape import Shape


class IpamConfig(Shape, kw_only=True, omit_defaults=True):
    """One pool of a network."""

    subnet: str = ""
    ip_range: str = field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = field(default_factory=dict, name="AuxiliaryAddresses")


class Ipam(Shape, kw_only=True):
    """How a network's addresses are managed."""

    driver: str = "default"
    options: dict[str, str] | None = None
    config: list[IpamConfig] = field(default_factory=list)


class ConfigReference(Shape, kw_only=True):
    """The configuration network that another is made from."""

    network: str = ""


class NetworkCreate(Shape, kw_only=True):
    """The body of POST /networks/create."""

    docker_name: ClassVar[str] = "CreateRequest"

    name: str = ""
    check_duplicate: bool = False
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = field(default=None, name="EnableIPv4")
    enable_ipv6: bool | None = field(default=None, name="EnableIPv6")
    ipam: Ipam | None = field(default=None, name="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


class NetworkCreated(Shape, kw_only=True):
    """The answer to POST /networks/create."""

    id: str
    warning: str = ""


class NetworkContainer(Shape, kw_only=True):
    """An endpoint as a network shows it."""

    name: str
    endpoint_id: str = field(name="EndpointID")
    mac_address: str = ""
    ipv4_address: str = field(default="", name="IPv4Address")
    ipv6_address: str = field(default="", name="IPv6Address")


class SubnetStatus(Shape, kw_only=True):
    """How full a subnet is."""

    ips_in_use: int = field(name="IPsInUse")
    dynamic_ips_available: int = field(name="DynamicIPsAvailable")


class IpamStatus(Shape, kw_only=True):
    """How full the subnets of a network are."""

    subnets: dict[str, SubnetStatus]


class NetworkStatus(Shape, kw_only=True):
    """What an inspection tells of a network beside its configuration."""

    ipam: IpamStatus = field(name="IPAM")


class NetworkShown(Shape, kw_only=True):
    """A network in a list or an inspection. `Degraded`, which is ours, says what is out of order, if anything is."""

    name: str
    id: str
    created: str
    scope: str
    driver: str
    enable_ipv4: bool | UnsetType = field(default=UNSET, name="EnableIPv4")
    enable_ipv6: bool = field(name="EnableIPv6")
    ipam: Ipam = field(name="IPAM")
    internal: bool
    attachable: bool
    ingress: bool
    config_from: ConfigReference
    config_only: bool
    containers: dict[str, NetworkContainer] | UnsetType = UNSET
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    status: NetworkStatus | UnsetType = UNSET
    degraded: list[str] | UnsetType = UNSET


class EndpointIpam(Shape, kw_only=True, omit_defaults=True):
    """The addresses asked for an endpoint."""

    ipv4_address: str = field(default="", name="IPv4Address")
    ipv6_address: str = field(default="", name="IPv6Address")
    link_local_ips: list[str] = field(default_factory=list, name="LinkLocalIPs")


class EndpointSettings(Shape, kw_only=True):
    """An endpoint as a container shows it, and as it is asked for."""

    ipam_config: EndpointIpam | None = field(default=None, name="IPAMConfig")
    links: list[str] | None = None
    aliases: list[str] | None = None
    mac_address: str = ""
    driver_opts: dict[str, str] | None = None
    gw_priority: int | UnsetType = UNSET
    network_id: str = field(default="", name="NetworkID")
    endpoint_id: str = field(default="", name="EndpointID")
    gateway: str = ""
    ip_address: str = field(default="", name="IPAddress")
    ip_prefix_len: int = field(default=0, name="IPPrefixLen")
    ipv6_gateway: str = field(default="", name="IPv6Gateway")
    global_ipv6_address: str = field(default="", name="GlobalIPv6Address")
    global_ipv6_prefix_len: int = field(default=0, name="GlobalIPv6PrefixLen")
    dns_names: list[str] | UnsetType | None = field(default=UNSET, name="DNSNames")


class NetworkConnect(Shape, kw_only=True):
    """The body of POST /networks/{id}/connect."""

    docker_name: ClassVar[str] = "ConnectRequest"

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnect(Shape, kw_only=True):
    """The body of POST /networks/{id}/disconnect."""

    docker_name: ClassVar[str] = "DisconnectRequest"

    container: str = ""
    force: bool = False


class NetworksPruned(Shape, kw_only=True):
    """The answer to POST /networks/prune."""

    networks_deleted: list[str] | None
