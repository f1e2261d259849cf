"""What a network driver is: what a network and an endpoint mean on the machine, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from netwright.drivers.endpoint_options import ENDPOINT_OPTIONS
from netwright.firewall.intent import Intent
from netwright.host.ops import AnnounceAddress, Op
from netwright.model.addressing import ANY_IPV4, IPAddress
from netwright.model.network import Endpoint, Network, SandboxKind
from netwright.model.ports import Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the engine may ask of a driver's networks.

    `addresses`: endpoints get addresses from IPAM. `publishes`: ports can be published. `single`: there is one network
    of this driver, made by the engine, and no other endpoint may stand beside one on it. `sandbox`: the kind of
    sandbox that its endpoints need. `data_scope` is what Docker shows as the network's scope.
    """

    addresses: bool = True
    publishes: bool = True
    single: bool = False
    sandbox: SandboxKind = SandboxKind.OWN
    data_scope: str = "local"


class Driver:
    """A kind of network. No method does anything: all return what is to be done.

    What a driver does not override, its networks do not need: a network of this very class is one that the engine knows
    of and that leaves no trace on the machine.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    network_options: ClassVar[Sequence[str] | None] = ()
    """The names of the options that networks may have; None where only somebody else knows them."""
    endpoint_options: ClassVar[Sequence[str] | None] = ENDPOINT_OPTIONS
    """The same of endpoints."""

    def check(self, network: Network) -> None:
        """Raise InvalidInput or Forbidden where the network's options make no sense to this driver."""

    def create_network(self, network: Network) -> Sequence[Op]:  # noqa: ARG002 - for drivers that need it
        """Return what makes the network on the machine, still closed to traffic."""
        return ()

    def open_network(self, network: Network) -> Sequence[Op]:  # noqa: ARG002
        """Return what lets traffic through it: done after the firewall knows the network; content when repeated."""
        return ()

    def interface_prefix(self, network: Network) -> str:  # noqa: ARG002
        """Return what the names of interfaces inside sandboxes begin with."""
        return "eth"

    def default_binding(self, network: Network) -> IPAddress:  # noqa: ARG002
        """Return the host address for ports that are published without one."""
        return ANY_IPV4

    def is_routed(self, network: Network, version: int) -> bool:  # noqa: ARG002
        """Tell whether a family's endpoints are reached at their own addresses, without translation."""
        return False

    def needs_gateway(self, network: Network, version: int) -> bool:  # noqa: ARG002
        """Tell whether IPAM is to choose a gateway for a family where the user named none."""
        return True

    def gateway(self, network: Network, version: int) -> IPAddress | None:
        """Return the router that endpoints use for a family: the pool's gateway, unless the driver knows better."""
        pool = network.pool(version)
        return None if pool is None else pool.gateway

    def links(self, network: Network) -> Sequence[str]:  # noqa: ARG002
        """Return the names of the host's interfaces that are the network's, for the sweep."""
        return ()

    def delete_network(self, network: Network) -> Sequence[Op]:  # noqa: ARG002
        """Return what removes it."""
        return ()

    def attach(self, network: Network, endpoint: Endpoint, netns: str) -> Sequence[Op]:  # noqa: ARG002
        """Return what puts the endpoint's interface into a namespace, up and addressed; no routes."""
        return ()

    def announce(self, network: Network, endpoint: Endpoint, netns: str) -> Sequence[AnnounceAddress]:  # noqa: ARG002
        """Return what tells the endpoint's neighbours who has its addresses now, once it is attached."""
        return ()

    def is_told_to_announce(self, network: Network) -> bool:  # noqa: ARG002
        """Tell whether the network's options say how addresses are announced; else it is done where it is of use."""
        return False

    def detach(self, network: Network, endpoint: Endpoint, netns: str | None) -> Sequence[Op]:  # noqa: ARG002
        """Return what removes the endpoint's interface; `netns` is None where its whole namespace goes as well."""
        return ()

    def called_for(self, network: Network, endpoint: Endpoint) -> Sequence[IPAddress]:  # noqa: ARG002
        """Return the endpoint's addresses that neighbours of this host may call for on their own wire."""
        return ()

    def intents(self, network: Network) -> Sequence[Intent]:  # noqa: ARG002
        """Return what should be true of the network's traffic."""
        return ()

    def link_intents(
        self,
        network: Network,  # noqa: ARG002
        parent: Endpoint,  # noqa: ARG002
        child: Endpoint,  # noqa: ARG002
        ports: Sequence[Port],  # noqa: ARG002
    ) -> Sequence[Intent]:
        """Return what lets one endpoint reach these ports of another that keeps apart from its neighbours."""
        return ()

    def endpoint_intents(self, network: Network, endpoint: Endpoint) -> Sequence[Intent]:  # noqa: ARG002
        """Return what should be true of the endpoint's traffic, its granted bindings included."""
        return ()
