"""What a network driver is: what a network and an endpoint mean on the machine, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from netwright.firewall.intent import Intent
from netwright.host.ops import Op
from netwright.model.network import Endpoint, Network, SandboxKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the engine may ask of a driver's networks.

    `addresses`: endpoints get addresses from IPAM. `publishes`: ports can be published. `single`: there is one network
    of this driver, made by the engine, and no other endpoint may stand beside one on it. `sandbox`: the kind of
    sandbox that its endpoints need. `names`: names are looked up on it (the embedded resolver serves it).
    """

    addresses: bool = True
    publishes: bool = True
    single: bool = False
    sandbox: SandboxKind = SandboxKind.OWN
    data_scope: str = "local"


class Driver(Protocol):
    """A kind of network. No method does anything: all return what is to be done."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def check(self, network: Network) -> None:
        """Raise InvalidInput or Forbidden where the network's options make no sense to this driver."""

    def create_network(self, network: Network) -> Sequence[Op]:
        """Return what makes the network on the machine; carried out again it must be content."""

    def delete_network(self, network: Network) -> Sequence[Op]:
        """Return what removes it."""

    def attach(self, network: Network, endpoint: Endpoint, netns: str) -> Sequence[Op]:
        """Return what puts the endpoint's interface into a namespace, up and addressed; no routes."""

    def detach(self, network: Network, endpoint: Endpoint) -> Sequence[Op]:
        """Return what removes the endpoint's interface from the machine."""

    def intents(self, network: Network) -> Sequence[Intent]:
        """Return what should be true of the network's traffic."""

    def endpoint_intents(self, network: Network, endpoint: Endpoint) -> Sequence[Intent]:
        """Return what should be true of the endpoint's traffic, its granted bindings included."""
