"""Our bridges in firewalld's zone, from the making of a network to its end, whatever becomes of firewalld meanwhile.

What firewalld or a change of networks tells is only a hint to look; what is done follows from how things are then
(`firewall.firewalld`). All of it is done in the background, one thing after another and under no lock. Whoever makes
a network waits for it a little, so that its first container is reached; nobody fails because of firewalld.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping

from netwright.controller.firewall.writer import Firewall
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.firewall.api import Damage
from netwright.firewall.firewalld import DESCRIPTION, POLICY, ZONE, Elsewhere, Enter, Leave, Step, decide
from netwright.firewall.intent import NetworkIntent
from netwright.host.firewalld import (
    Firewalld,
    FirewalldAbsent,
    FirewalldFailed,
    FirewalldNotice,
    FirewalldReloaded,
    FirewalldRuns,
    InterfaceReleased,
)
from netwright.host.protocol import Host
from netwright.host.queries import Links
from netwright.model.network import Network

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that the start of the engine and the making of a network wait for firewalld."""
RETRY = 30.0
"""Seconds after which what has failed is tried again."""


class Zones:
    """Keeps the bridges of networks in firewalld's zone."""

    def __init__(self, state: State, drivers: Mapping[str, Driver], host: Host, firewall: Firewall) -> None:
        self._state = state
        self._drivers = drivers
        self._host = host
        self._firewall = firewall
        self._used: Firewalld | None = None
        self._runs = False
        self._unprepared = False
        self._all = False
        self._suspects: set[str] = set()
        self._released: set[str] = set()
        self._elsewhere: set[Elsewhere] = set()
        self._following: asyncio.Task[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._told = asyncio.Event()

    def use(self, firewalld: Firewalld) -> None:
        """Say which firewalld may run here; without that, nothing is done."""
        self._used = firewalld

    @property
    def _firewalld(self) -> Firewalld:
        if self._used is None:
            raise FirewalldFailed("this engine has nothing to do with firewalld")
        return self._used

    async def start(self) -> None:
        """Follow firewalld from now on; what runs already knows our bridges by the return, if it answers in time."""
        if self._used is None:
            return
        self._following = asyncio.get_running_loop().create_task(self._used.follow(self.hear))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._told.wait()
                await self._settled()
        except TimeoutError:
            log.warning("firewalld has not answered within %g s; its zone %s follows when it does", PATIENCE, ZONE)

    def close(self) -> None:
        """Follow firewalld no more; it keeps what it knows."""
        for task in (self._following, self._work):
            if task is not None:
                task.cancel()
        if self._retry is not None:
            self._retry.cancel()

    def hear(self, notice: FirewalldNotice) -> None:
        """Take notice of what became of firewalld; nothing is awaited."""
        match notice:
            case FirewalldRuns():
                self._runs = self._unprepared = self._all = True
                self._released.clear()
            case FirewalldAbsent():
                self._runs = False
            case FirewalldReloaded():
                self._all = True
                self._released.clear()
            case InterfaceReleased(zone, interface) if interface in self.bridges():
                self._suspects.add(interface)
                if zone == ZONE:
                    self._released.add(interface)
        self._told.set()
        self._soon()

    async def place(self, network: Network) -> None:
        """Put a network's bridge into the zone, or out of it where the network is gone; wait a little for it."""
        if not (self._runs and (bridges := self._of(network))):
            return
        self._suspects |= bridges
        self._soon()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._settled()
        except TimeoutError:
            log.warning("firewalld is slow: its zone %s does not follow network %s yet", ZONE, network.name)

    async def uninstall(self, bridges: Collection[str]) -> None:
        """Take our bridges out of the zone; and zone and policy away, if we made them and nobody else uses them.

        `bridges` are those that there were. firewalld is reloaded, which may flush all rules: the last thing to be
        done. Raises FirewalldFailed.
        """
        firewalld = self._used
        if firewalld is None or not await firewalld.is_running():
            return
        members = set((await firewalld.zones()).get(ZONE, ()))
        for bridge in sorted(members.intersection(bridges)):
            await firewalld.remove_interface(ZONE, bridge)
        # firewalld keeps the names of interfaces that are no more: of networks that went while no engine ran.
        others = members.difference(bridges) & {link.name for link in await self._host.ask(Links())}
        if not others and await firewalld.description(ZONE) == DESCRIPTION:
            await firewalld.forget(ZONE, POLICY)
            await firewalld.reload()

    def _of(self, network: Network) -> set[str]:
        """Return a network's bridge; other links of networks may be the host's own, and are for the admin to place."""
        intents = self._drivers[network.driver].intents(network)
        return {intent.bridge for intent in intents if isinstance(intent, NetworkIntent)}

    def bridges(self) -> set[str]:
        """Return the bridges of all networks."""
        return {bridge for network in self._state.networks.values() for bridge in self._of(network)}

    def _soon(self) -> None:
        if self._runs and (self._work is None or self._work.done()):
            self._work = asyncio.get_running_loop().create_task(self._until_quiet())

    async def _settled(self) -> None:
        if self._work is not None:
            # Whoever stops waiting does not stop the work.
            await asyncio.wait({self._work})

    async def _until_quiet(self) -> None:
        while self._runs and (self._unprepared or self._all or self._suspects):
            try:
                await self._look()
            except FirewalldFailed as failure:
                log.warning(
                    "firewalld does not have all bridges in its zone %s, once more in %g s: %s", ZONE, RETRY, failure
                )
                if self._retry is not None:
                    self._retry.cancel()
                self._retry = asyncio.get_running_loop().call_later(RETRY, self._look_again)
                return

    def _look_again(self) -> None:
        self._all = True
        self._soon()

    async def _look(self) -> None:
        if self._unprepared:
            await self._prepare()
            self._unprepared = False
        bridges = self.bridges()
        looked_at = self._suspects | bridges if self._all else set(self._suspects)
        self._all = False
        zones = await self._firewalld.zones()
        if ZONE not in zones:
            raise FirewalldFailed(f"there is no zone {ZONE} any more, a restart of firewalld lets it be made anew")
        for step in decide(looked_at, self.bridges(), self._released, zones):
            await self._take(step)
        self._suspects -= looked_at
        self._elsewhere = {step for step in self._elsewhere if step.interface in zones.get(step.zone, ())}

    async def _prepare(self) -> None:
        """See to the zone and the policy. Made once for a machine: for it, firewalld has to be reloaded."""
        has_zone = ZONE in await self._firewalld.zones()
        policies = await self._firewalld.policies()
        if has_zone and (policies is None or POLICY in policies):
            return
        await self._firewalld.add_zone(ZONE, DESCRIPTION)
        await self._firewalld.add_policy(POLICY, DESCRIPTION, ZONE)
        await self._firewalld.reload()
        # With its iptables backend, that has flushed everybody's rules: no need to wait for what notices damage.
        await self._firewall.heal(Damage(None))
        log.info("firewalld has got a zone %s and a policy %s, and was reloaded for them", ZONE, POLICY)

    async def _take(self, step: Step) -> None:
        match step:
            case Enter(interface):
                await self._firewalld.add_interface(ZONE, interface)
            case Leave(interface):
                await self._firewalld.remove_interface(ZONE, interface)
            case Elsewhere(interface, zone):
                if step not in self._elsewhere:
                    self._elsewhere.add(step)
                    log.warning(
                        "%s is in firewalld's zone %s and stays there: what that zone refuses does not reach its "
                        "containers; firewall-cmd --zone=%s --remove-interface=%s hands it to the zone %s",
                        interface,
                        zone,
                        zone,
                        interface,
                        ZONE,
                    )
