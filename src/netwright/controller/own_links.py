"""Which of the host's interfaces are ours by their names: the networks' own, and the endpoints' outer ends."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

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
        self._leaving: set[str] = set()

    def of(self, network: Id) -> tuple[str, ...]:
        """Return the names of a network's own interfaces; none for a network that is not known."""
        self._refresh()
        return self._of.get(network, ())

    def of_networks(self) -> AbstractSet[str]:
        """Return the names of all networks' own interfaces, also of those that are just being removed."""
        self._refresh()
        return self._networks.keys() | self._leaving

    @contextmanager
    def leaving(self, network: Network) -> Iterator[None]:
        """Count a network's interfaces among ours for the time of the block, in which its row goes before they do.

        What is taken out of service tells nothing more: a route through it that is taken for a stranger's meanwhile
        would be remembered for ever.
        """
        names = set() if network.adopted else set(self._drivers[network.driver].links(network))
        self._leaving |= names
        try:
            yield
        finally:
            self._leaving -= names

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
        for identity in self._of.keys() - networks.keys():
            for name in self._of.pop(identity):
                # Another network may have the name by now.
                if self._networks.get(name) == identity:
                    del self._networks[name]
        for identity in networks.keys() - self._of.keys():
            row = networks[identity]
            self._of[identity] = tuple(self._drivers[row.driver].links(row))
            self._networks.update(dict.fromkeys(self._of[identity], identity))
