"""Networks, endpoints and sandboxes: the Container Network Model as facts.

A sandbox is a network stack (interfaces, routes, names). An endpoint joins one sandbox to one network. Nothing here
says whether a container stands behind a sandbox: the network engine does not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface

from netwright.model.addressing import IPAddress, IPNetwork, Mac
from netwright.model.names import Id
from netwright.model.ports import Port, PortBinding, PortRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One subnet of a network and how it is used.

    `given` tells whether the user named the subnet (Docker hides an automatic one's details in old API versions).
    `range` bounds dynamic addresses; `gateway` is reserved whether or not a bridge carries it.
    """

    subnet: IPNetwork
    range: IPNetwork | None = None
    gateway: IPAddress | None = None
    auxiliary: Mapping[str, IPAddress] = field(default_factory=dict)
    given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A group of endpoints that reach each other.

    `adopted` says that its bridge stood there before: it is used, and left standing when the network goes. `idle` are
    pools asked for of a family that the network has not: they are shown, and nothing is ever taken from them. One that
    is `config_only` is no network at all, but a configuration for others, which name it in `config_from`.
    """

    id: Id
    name: str
    driver: str
    created: datetime
    scope: str = "local"
    ipv4: bool = True
    ipv6: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    adopted: bool = False
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] | None = None
    pools: tuple[Pool, ...] = ()
    idle: tuple[Pool, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def pool(self, version: int) -> Pool | None:
        """Return the first pool of an IP version (4 or 6)."""
        return next((pool for pool in self.pools if pool.subnet.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """What the user asked of an endpoint; kept as asked, so that inspect can show it."""

    ipv4: IPAddress | None = None
    ipv6: IPAddress | None = None
    link_local: tuple[IPAddress, ...] = ()
    mac: Mac | None = None
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    driver_options: Mapping[str, str] = field(default_factory=dict)
    gateway_priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One sandbox's place on one network, the same from its creation to its deletion.

    `interface` is the name inside the sandbox, `host_interface` the one on the host side; both empty where the driver
    makes no interface. `order` is the place in the order of declaration. `bindings` are the ports granted to it while
    its sandbox is open; they are kept afterwards as the wish for the next time.
    """

    id: Id
    network: Id
    sandbox: Id
    spec: EndpointSpec
    order: int
    mac: Mac | None = None
    ipv4: IPv4Interface | None = None
    ipv6: IPv6Interface | None = None
    gateway4: IPAddress | None = None
    gateway6: IPAddress | None = None
    interface: str = ""
    host_interface: str = ""
    bindings: tuple[PortBinding, ...] = ()


class SandboxKind(StrEnum):
    """Whose network stack a sandbox is."""

    OWN = "own"
    """A namespace of its own."""
    HOST = "host"
    """The namespace that the engine runs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A network stack.

    `owner` is whatever the layer above wants to find it by. `open` says that the stack should exist on the machine:
    written before it is made and after it is gone, so that a crash in between is seen. `servers` are name servers that
    it asks itself, instead of the host's through the host; `dns_options` are its options of resolv.conf. `reaches` are
    the stacks that it is linked to: on networks whose neighbours keep apart it reaches the ports that they offer.
    """

    id: Id
    owner: Id
    name: str
    hostname: str
    kind: SandboxKind = SandboxKind.OWN
    open: bool = False
    ports: tuple[PortRequest, ...] = ()
    publish_all: bool = False
    exposed: tuple[Port, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[IPAddress, ...] = ()
    dns_options: tuple[str, ...] = ()
    reaches: tuple[Id, ...] = ()
