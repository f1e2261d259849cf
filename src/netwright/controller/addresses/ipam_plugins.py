"""The IPAM plugins as partners: what each is like, what it must be reminded of, and what is owed to it."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from netwright.controller.addresses.leases import Lease, Leases, Role
from netwright.controller.locks import KeyedLocks
from netwright.controller.state import State
from netwright.errors import NetwrightError, NotFound, SystemFailure
from netwright.host.uncancelled import to_the_end
from netwright.ipam import remote
from netwright.model.network import Endpoint, Network
from netwright.plugins.api import Plugin, PluginMissing, PluginRefused, Plugins, PluginSilent, PluginUnreachable, Wire

log = logging.getLogger(__name__)

A = TypeVar("A", bound=remote.Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A plugin that can be asked: `local` and `shared` are its address spaces for this host and for several."""

    plugin: Plugin
    local: str
    shared: str
    needs_mac: bool

    async def ask(self, method: str, request: Wire | None, answer: type[A]) -> A:
        """Call a method. Raises SystemFailure where the plugin refuses, and what `Plugin.call` raises."""
        said = await self.plugin.call(f"{remote.SUBSYSTEM}.{method}", request, answer)
        remote.check(said)
        return said

    async def decline(self, method: str, request: Wire) -> None:
        """Give back what a plugin gave and cannot be used. Where it refuses that too, nothing more can be done."""
        try:
            await self.ask(method, request, remote.Answer)
        except SystemFailure as failure:
            log.warning("the IPAM driver %s did not take back what it gave wrongly: %s", self.plugin.name, failure)

    def space(self, network: Network) -> str:
        """Return the address space that a network's pools come from."""
        return self.shared if network.scope == "global" else self.local

    def options(self, name: str, endpoint: Endpoint) -> dict[str, str]:
        """Return what is said with the request for an endpoint's address."""
        return remote.endpoint_options(name, endpoint.mac if self.needs_mac else None)


class IpamPlugins:
    """Knows the plugins, and gives back to them what they have given."""

    def __init__(self, plugins: Plugins, leases: Leases, state: State) -> None:
        self._plugins = plugins
        self._leases = leases
        self._state = state
        self._partners: dict[str, Partner] = {}
        self._owed: dict[str, deque[Lease]] = {}
        self._meeting = KeyedLocks()
        self._paying = KeyedLocks()
        self._greeting: asyncio.Task[None] | None = None

    def restore(self) -> None:
        """Find what is owed: leases whose owners are gone. Then greet the plugins concerned, in the background."""
        leases = self._leases.all()
        owners = self._state.networks.keys() | self._state.endpoints.keys()
        for lease in leases:
            if lease.owner not in owners:
                self._owed.setdefault(lease.driver, deque()).append(lease)
        if leases:
            drivers = sorted({lease.driver for lease in leases})
            self._greeting = asyncio.get_running_loop().create_task(self._greet_all(drivers))

    async def _greet_all(self, drivers: Iterable[str]) -> None:
        for driver in drivers:
            try:
                await self.get(driver)
            except NetwrightError as failure:
                log.warning("the IPAM driver %s is away; networks keep what it has given: %s", driver, failure)

    def close(self) -> None:
        """Leave what is still owed to the next start."""
        if self._greeting is not None:
            self._greeting.cancel()

    async def get(self, driver: str) -> Partner:
        """Return a plugin that can be asked: known, reminded of what it has given, and owed nothing.

        Raises PluginMissing where there is none, NotFound where it has no address spaces, and SystemFailure.
        """
        plugin = await self._plugins.get(driver, remote.SUBSYSTEM)
        async with self._meeting.holding(driver):
            partner = self._partners.get(driver)
            if partner is None or partner.plugin is not plugin:
                partner = await self._greet(plugin)
                self._partners[driver] = partner
            await self._pay(driver)
            return partner

    async def _greet(self, plugin: Plugin) -> Partner:
        try:
            able = await plugin.call(f"{remote.SUBSYSTEM}.GetCapabilities", None, remote.CapabilitiesSaid)
        except PluginRefused:
            # The method came later than the others: a plugin without it needs nothing special.
            able = remote.CapabilitiesSaid()
        spaces = await plugin.call(f"{remote.SUBSYSTEM}.GetDefaultAddressSpaces", None, remote.SpacesSaid)
        if spaces.error:
            raise NotFound(f"failed to get default address space: remote: {spaces.error}")
        partner = Partner(
            plugin=plugin,
            local=spaces.local_default_address_space,
            shared=spaces.global_default_address_space,
            needs_mac=able.requires_mac_address,
        )
        if able.requires_request_replay:
            await self._remind(partner)
        return partner

    async def give_back(self, leases: Iterable[Lease]) -> None:
        """Give leases back in their order. Those whose plugin is away stay owed to it, and it is said so."""
        drivers = set()
        for lease in leases:
            self._owed.setdefault(lease.driver, deque()).append(lease)
            drivers.add(lease.driver)
        for driver in drivers:
            await self._pay(driver)

    async def _pay(self, driver: str) -> None:
        """Give back to a plugin what is owed to it, as long as it answers."""
        async with self._paying.holding(driver):
            owed = self._owed.get(driver, deque())
            while owed:
                try:
                    await to_the_end(self._give_back(owed[0]))
                except (PluginUnreachable, PluginMissing) as failure:
                    what = ", ".join(map(str, owed))
                    log.warning("the IPAM driver %s is away and gets back later %s: %s", driver, what, failure)
                    return
                except PluginSilent:
                    # Whoever waits for this has waited long enough.
                    owed.popleft()
                    return
                owed.popleft()

    async def _give_back(self, lease: Lease) -> None:
        if not self._leases.has(lease):
            return
        try:
            plugin = await self._plugins.get(lease.driver, remote.SUBSYSTEM)
            method, request = _returning(lease)
            # What is owed can wait for the plugin, and whoever removes something need not.
            remote.check(await plugin.call(f"{remote.SUBSYSTEM}.{method}", request, remote.Answer, insist=False))
        except (PluginUnreachable, PluginMissing):
            raise
        except PluginSilent as failure:
            # It may have been taken back, and given to somebody else since: better that it leaks than that it is taken
            # from them by another try.
            log.error("the IPAM driver %s may not have taken back %s: %s", lease.driver, lease, failure)
            await self._leases.strike(lease)
            raise
        except SystemFailure as failure:
            log.warning("the IPAM driver %s did not take back %s: %s", lease.driver, lease, failure)
        await self._leases.strike(lease)

    async def _remind(self, partner: Partner) -> None:
        """Ask anew for all that a plugin has given, since it keeps no account of its own."""
        for network in tuple(self._state.networks.values()):
            if network.ipam_driver != partner.plugin.name:
                continue
            for lease in self._leases.pools_of(network.id):
                try:
                    await self._remind_of_pool(partner, network, lease)
                except SystemFailure as failure:
                    log.error("the IPAM driver %s could not be reminded of %s: %s", lease.driver, lease, failure)

    async def _remind_of_pool(self, partner: Partner, network: Network, lease: Lease) -> None:
        pool = next((pool for pool in network.pools if pool.subnet == lease.subnet), None)
        if pool is None:
            raise SystemFailure(f"network {network.name} has no such pool")
        request = remote.pool_wanted(partner.space(network), pool, network.ipam_options)
        given = remote.read_pool(await partner.ask("RequestPool", request, remote.PoolSaid), pool.subnet.version)
        if given.subnet != lease.subnet:
            raise SystemFailure(f"it gave {given.subnet} where {lease.subnet} was asked for")
        endpoints = {endpoint.id: endpoint for endpoint in self._state.on_network(network.id)}
        present = [own for owner in (network.id, *endpoints) for own in self._leases.of(owner)]
        renewed = [replace(own, pool=given.id) for own in present if own.pool == lease.pool]
        await self._leases.put(renewed)
        for own in renewed:
            if own.address is not None:
                options = self._reminder(partner, own, endpoints.get(own.owner))
                wanted = remote.address_wanted(own.pool, own.address, options)
                await partner.ask("RequestAddress", wanted, remote.AddressSaid)

    def _reminder(self, partner: Partner, lease: Lease, endpoint: Endpoint | None) -> dict[str, str] | None:
        if endpoint is not None:
            return partner.options(self._state.sandbox(endpoint.sandbox).name, endpoint)
        return dict(remote.GATEWAY_OPTIONS) if lease.role is Role.GATEWAY else None


def _returning(lease: Lease) -> tuple[str, Wire]:
    if lease.address is None:
        return "ReleasePool", remote.PoolGivenBack(pool_id=lease.pool)
    return "ReleaseAddress", remote.AddressGivenBack(pool_id=lease.pool, address=str(lease.address))
