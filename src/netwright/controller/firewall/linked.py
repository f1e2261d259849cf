"""Docker's legacy links: what one stack may reach of another on a network whose neighbours keep apart (`icc=false`).

A link is there while both stacks are open, whichever was opened first.
"""

from collections.abc import Iterable, Mapping, Sequence

from netwright.controller.api import Attachment
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.firewall.intent import Intent
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Sandbox
from netwright.model.ports import Port


class Links:
    """Knows the links between stacks as intents."""

    def __init__(self, state: State, drivers: Mapping[str, Driver]) -> None:
        self._state = state
        self._drivers = drivers

    def all(self) -> list[Intent]:
        """Return what all open stacks may reach."""
        rows = [row for row in self._state.sandboxes.values() if row.open and row.reaches]
        return [intent for row in rows for intent in self._from(row, self._state.in_sandbox(row.id))]

    def of(self, row: Sandbox, shape: Sequence[Attachment]) -> list[Intent]:
        """Return what a stack of this shape may reach, and what may be reached of it; nothing for an empty shape."""
        endpoints = [item.endpoint for item in shape]
        if not endpoints:
            return []
        parents = self._state.reaching(row.id)
        return [
            *self._from(row, endpoints),
            *(
                intent
                for parent in parents
                if parent.open
                for intent in self._between(self._state.in_sandbox(parent.id), row, endpoints)
            ),
        ]

    def _from(self, row: Sandbox, endpoints: Iterable[Endpoint]) -> list[Intent]:
        children = [self._state.sandboxes[target] for target in row.reaches if target in self._state.sandboxes]
        return [
            intent
            for child in children
            if child.open
            for intent in self._between(endpoints, child, self._state.in_sandbox(child.id))
        ]

    def _between(self, parents: Iterable[Endpoint], child: Sandbox, endpoints: Iterable[Endpoint]) -> list[Intent]:
        theirs: dict[Id, Endpoint] = {endpoint.network: endpoint for endpoint in endpoints}
        ports = _ports(child)
        return [
            intent
            for parent in parents
            if parent.network in theirs
            for intent in self._intents(self._state.networks[parent.network], parent, theirs[parent.network], ports)
        ]

    def _intents(self, network: Network, parent: Endpoint, child: Endpoint, ports: Sequence[Port]) -> Sequence[Intent]:
        return self._drivers[network.driver].link_intents(network, parent, child, ports)


def _ports(child: Sandbox) -> list[Port]:
    """Return the ports that a stack offers: those that are exposed, and those that are published."""
    return list(dict.fromkeys((*child.exposed, *(request.port for request in child.ports))))
