"""systemd-resolved, told to ask us for the names in networks' own domains: by its setting of the networks' links.

Only what can be nobody else's is led to us (`dns.domains`), so nothing that the host asks otherwise changes. A link
that goes takes its setting with it; where the option is given up, and at an uninstall, it is taken back. Bridges that
are not ours keep the setting that their owner has made: what is on them is not led to us.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence

from netwright.controller.afterwards import Afterwards
from netwright.controller.naming.names import NameRules
from netwright.controller.own_links import OwnLinks
from netwright.controller.state import State
from netwright.dns.domains import domains
from netwright.host.notices import LinkDown, Notice
from netwright.host.protocol import Host
from netwright.host.queries import Links
from netwright.host.resolved import Resolved, ResolvedFailed
from netwright.model.listener import Listener, is_host

log = logging.getLogger(__name__)

RETRY = 30.0
"""Seconds after which what has failed is tried again, and a link is looked for that was not there."""
HEALED = 2.0
"""Seconds after which a link that somebody has deleted is there again."""

Told = tuple[int, tuple[str, ...]]
"""A link's number and the domains that it leads to us."""


class LinkDns:
    """Keeps the links of networks as systemd-resolved should have them."""

    def __init__(
        self, listeners: Sequence[Listener], state: State, links: OwnLinks, host: Host, rules: NameRules
    ) -> None:
        self._listeners = listeners
        self._state = state
        self._links = links
        self._host = host
        self._rules = rules
        self._used: Resolved | None = None
        self._runs = False
        self._told: dict[str, Told] = {}
        self._given_up = False
        self._following: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._looking = Afterwards(self._look, "systemd-resolved does not ask for names of containers as it should")

    def use(self, resolved: Resolved) -> None:
        """Say which systemd-resolved may run here; without that, nothing is done."""
        self._used = resolved

    def note(self, served: Collection[str]) -> None:
        """Note whether the host was answered before this start, so that it is undone where it no longer is."""
        self._given_up = not self._listeners and any(map(is_host, served))

    def start(self) -> None:
        """Follow systemd-resolved from now on, in the background."""
        if self._used is None:
            return
        if self._listeners:
            self._following = asyncio.get_running_loop().create_task(self._used.follow(self._turn))
        elif self._given_up:
            self._looking.soon()

    def close(self) -> None:
        """Follow it no more; it keeps what it knows."""
        if self._following is not None:
            self._following.cancel()
        if self._retry is not None:
            self._retry.cancel()
        self._looking.close()

    def _turn(self, runs: bool) -> None:
        self._runs = runs
        self._told.clear()
        self._soon()

    def hear(self, notice: Notice) -> None:
        """Take notice of a link that goes: another of its name is told of anew."""
        if isinstance(notice, LinkDown) and self._told.pop(notice.link, None) is not None:
            self._later(HEALED)

    def follow(self) -> None:
        """Have the networks that there are now told of; nothing is awaited."""
        self._soon()

    def _soon(self) -> None:
        if self._runs:
            self._looking.soon()

    def _later(self, seconds: float) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(seconds, self._soon)

    def _wanted(self) -> dict[str, tuple[str, ...]]:
        return {
            name: domains(network.name)
            for network in self._state.networks.values()
            if self._rules.has_names(network) and not network.adopted
            for name in self._links.of(network.id)
        }

    async def _look(self) -> None:
        if self._used is None:
            return
        if not self._listeners:
            await self._revert_all(self._used)
            return
        numbers = {link.name: link.index for link in await self._host.ask(Links())}
        wanted = self._wanted()
        failures = [name for name in wanted if name not in numbers]
        for name in self._told.keys() - wanted.keys():
            index, _ = self._told.pop(name)
            if numbers.get(name) == index:
                await self._used.revert(index)
        for name, leads in wanted.items():
            told = (numbers.get(name, 0), leads)
            if told[0] and self._told.get(name) != told:
                try:
                    await self._used.lead(told[0], self._listeners, leads)
                    self._told[name] = told
                except ResolvedFailed as failure:
                    failures.append(name)
                    log.warning(
                        "systemd-resolved does not ask for names on %s, once more in %g s: %s", name, RETRY, failure
                    )
        if failures:
            self._later(RETRY)

    async def _revert_all(self, resolved: Resolved) -> None:
        """Take back what an engine has said that was to answer the host."""
        if not await resolved.is_running():
            return
        numbers = {link.name: link.index for link in await self._host.ask(Links())}
        for name, leads in self._wanted().items():
            if name in numbers and set(leads) <= set(await resolved.domains(numbers[name])):
                await resolved.revert(numbers[name])

    async def uninstall(self) -> None:
        """Take everything back, while the links are still there. Raises ResolvedFailed."""
        if self._used is not None and (self._listeners or self._given_up):
            await self._revert_all(self._used)
