"""Which of the host's interfaces are ours by their names: the networks' own, and the endpoints' outer ends."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network


class OwnLinks:
    """Finds what an interface belongs to. A network's interfaces are asked of its driver once."""

    def __init__(self, state: State, drivers: Mapping[str, Driver]) -> None:
        self._state = state
        self._drivers = drivers
        self._of: dict[Id, tuple[str, ...]] = {}
        self._networks: dict[str, Id] = {}

    def of(self, network: Id) -> tuple[str, ...]:
        """Return the names of a network's own interfaces; none for a network that is not known."""
        self._refresh()
        return self._of.get(network, ())

    def of_networks(self) -> AbstractSet[str]:
        """Return the names of all networks' own interfaces."""
        self._refresh()
        return self._networks.keys()

    def network(self, name: str) -> Network | None:
        """Return the network that an interface is of."""
        self._refresh()
        return self._state.networks.get(self._networks.get(name, Id("")))

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint whose outer end an interface is."""
        return self._state.at_interface(name)

    def _refresh(self) -> None:
        networks = self._state.networks
        if self._of.keys() == networks.keys():
            return
        self._of = {
            identity: self._of[identity] if identity in self._of else tuple(self._drivers[row.driver].links(row))
            for identity, row in networks.items()
        }
        self._networks = {name: identity for identity, names in self._of.items() for name in names}
