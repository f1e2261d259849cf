"""Names of containers for the host's own programs, where an option asks for it.

The host sees all networks alike. What it is asked about is answered by the resolver, which outlives the engine: what is
done here is to tell it which networks there are.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from netwright.controller.naming.names import NameRules
from netwright.controller.state import State
from netwright.dns.zone import Joined, View
from netwright.errors import OperationFailed
from netwright.host.ops import SetNameView
from netwright.host.protocol import Host
from netwright.model.listener import Listener

log = logging.getLogger(__name__)


class HostNames:
    """Keeps what the host sees as it should be."""

    def __init__(self, listeners: Sequence[Listener], state: State, host: Host, rules: Callable[[], NameRules]) -> None:
        self._places = tuple(listener.place for listener in listeners)
        self._state = state
        self._host = host
        self._rules = rules
        self._sees = View()
        self._changing = asyncio.Lock()

    def views(self) -> Mapping[str, View]:
        """Return what the host should see, by the places where it asks; nothing where it is not to ask."""
        if self._places:
            self._sees = self._view()
        return dict.fromkeys(self._places, self._sees)

    async def follow(self) -> None:
        """Let the host see the networks that there are now.

        A failure is for the log: no network fails because of it.
        """
        if not self._places:
            return
        # One after the other: what was looked at first must not arrive last.
        async with self._changing:
            former, sees = self._sees, self._view()
            if sees == former:
                return
            try:
                await self._host.do([SetNameView(netns=place, view=sees, undo=former) for place in self._places])
                self._sees = sees
            except OperationFailed as failure:
                log.error("the host is not answered names as it should be: %s", failure)

    def _view(self) -> View:
        rules = self._rules()
        networks = sorted(filter(rules.has_names, self._state.networks.values()), key=lambda network: network.name)
        return View(
            networks=tuple(Joined(id=network.id, name=network.name) for network in networks if not network.config_only),
            egress=False,
            ttl=rules.ttl,
            title="the host",
            outside=True,
        )
