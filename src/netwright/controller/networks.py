"""Networks: made, found, removed."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import ip_network

from msgspec import structs

from netwright.controller import configurations
from netwright.controller.addresses.addressing import Addressing
from netwright.controller.addresses.foreign_routes import ForeignRoutes
from netwright.controller.addresses.overlaps import Overlaps
from netwright.controller.announcing import Announcing
from netwright.controller.api import NO_SWARM, Attachment, NetworkRequest
from netwright.controller.events import NetworkEvents
from netwright.controller.firewall.writer import Firewall
from netwright.controller.firewall.zones import Zones
from netwright.controller.naming.host_names import HostNames
from netwright.controller.naming.link_dns import LinkDns
from netwright.controller.own_links import OwnLinks
from netwright.controller.repair.leftovers import Leftovers
from netwright.controller.requests import HOST, NONE, PREDEFINED
from netwright.controller.state import State
from netwright.controller.teardown import carry_out_all
from netwright.controller.together import both
from netwright.drivers.api import Driver
from netwright.drivers.option_names import OptionNames
from netwright.errors import Conflict, Forbidden, InvalidInput, NotFound, TeardownFailed
from netwright.host.ops import AddAddress, ChangeElements, Op, SetLinkMtu, SetSysctl
from netwright.host.protocol import Host, transaction
from netwright.host.queries import LinkNamed, Links, ReadFile, Route, Sysctl
from netwright.host.uncancelled import to_the_end
from netwright.model.addressing import IPNetwork
from netwright.model.names import Id, new_id, short
from netwright.model.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCollaborators:
    """What the networks work with; `forward` lets the host forward what a new network needs."""

    state: State
    host: Host
    drivers: Mapping[str, Driver]
    addressing: Addressing
    firewall: Firewall
    leftovers: Leftovers
    events: NetworkEvents
    announcing: Announcing
    links: OwnLinks
    foreign: ForeignRoutes
    overlaps: Overlaps
    forward: Callable[[Network], Awaitable[None]]
    names: OptionNames
    zones: Zones
    host_names: HostNames
    link_dns: LinkDns


class Networks:
    """The networks: the implementation of `controller.api.Networks`."""

    def __init__(self, collaborators: NetworkCollaborators) -> None:
        self._with = collaborators
        self._state = collaborators.state
        # One at a time chooses name and subnet; what then takes time on the machine goes side by side.
        self._choosing = asyncio.Lock()
        self._pruning = asyncio.Lock()

    @property
    def version(self) -> int:
        """A number that changes whenever anything shown of networks may have changed."""
        return self._state.version

    def list(self) -> Sequence[Network]:
        """Return all networks, oldest first."""
        unfinished = self._state.unfinished
        return tuple(row for row in self._state.networks.values() if row.id not in unfinished)

    def get(self, reference: str) -> Network:
        """Return the network that a user means. Raises NotFound, or Ambiguous where several answer to it."""
        return self._state.network(reference)

    def attachments(self, network: Id) -> Sequence[Attachment]:
        """Return the endpoints on a network, open or not."""
        row = self._state.networks[network]
        return [
            Attachment(network=row, endpoint=endpoint, sandbox=self._state.sandboxes[endpoint.sandbox])
            for endpoint in self._state.on_network(network)
        ]

    def usage(self, network: Id) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return for each subnet the addresses in use and those still free for dynamic choice."""
        return self._with.addressing.usage(self._state.networks[network])

    async def create(self, request: NetworkRequest) -> Network:
        """Make a network, on disk and on the machine. Raises Docker's errors for what cannot be."""
        if request.name in PREDEFINED:
            raise Forbidden(f"operation is not permitted on predefined {request.name} network ")
        if not request.name.strip():
            raise InvalidInput("invalid name: name is empty")
        self._refuse_taken(request.name)
        configurations.check_configuration(request)
        if request.config_only:
            request = replace(request, driver=configurations.DRIVER, scope="local")
        return await self.make(request)

    def _refuse_taken(self, name: str) -> None:
        if self._state.name_taken(name):
            raise Conflict(f"network with name {name} already exists")

    async def make(self, request: NetworkRequest) -> Network:
        """Make a network of any name: also the engine's own."""
        driver = self._driver(request)
        request = configurations.configured(request, self._state.networks.values())
        if not (request.ipv4 or request.ipv6):
            raise InvalidInput("IPv4 or IPv6 must be enabled")
        if request.scope == "swarm":
            raise Forbidden("cannot create a swarm scoped network when swarm is not active")
        draft = self._draft(request, driver)
        self._refuse_taken(request.name)
        self._state.unfinished.add(draft.id)
        try:
            network, routes = await self._make(await self._leased(draft, driver), driver)
        except BaseException:
            await to_the_end(self._with.addressing.forget(draft))
            raise
        finally:
            self._state.unfinished.discard(draft.id)
        self._with.events.created(network)
        self._with.overlaps.consider(network, routes)
        await self._with.zones.place(network)
        await self._follow_names()
        return network

    async def _make(self, network: Network, driver: Driver) -> tuple[Network, Sequence[Route]]:
        # Row and rules change under one hold of the firewall: a rebuild in between would make the rules twice.
        async with AsyncExitStack() as held:
            async with self._choosing:
                network, routes = await self._choose(network, driver)
                await self._with.forward(network)
                await self._with.firewall.settle(driver.intents(network))
                firewall = await held.enter_async_context(self._with.firewall.changing())
                rules = firewall.change(add=driver.intents(network), remove=())
                ops = [*driver.create_network(network), *rules, *driver.open_network(network)]
                writing = self._state.commit(put=[network])
                self._with.announcing.begin(network)
            try:
                await self._carry_out(network, ops, writing)
            except BaseException:
                await to_the_end(self._forget_row(network))
                raise
        return network, routes

    async def _forget_row(self, network: Network) -> None:
        self._with.announcing.end(network.id)
        if network.adopted:
            # Its bridge stays, and the routes through it are not ours any more.
            self._with.foreign.forget()
        await self._state.commit(delete=[network])

    async def _carry_out(self, network: Network, ops: Sequence[Op], writing: Awaitable[None]) -> None:
        """Make a network on the machine while its row is on its way to the disk."""
        async with transaction(self._with.host) as attempt:
            if network.adopted:
                # What stood there before us carries no tag of ours: after a crash only the row tells of it.
                await writing
                await attempt.do(await self._reversible(ops))
            else:
                await both(writing, attempt.do(ops))

    async def _reversible(self, ops: Sequence[Op]) -> Sequence[Op]:
        """Return operations on a link of others that know what to go back to; our own links go as a whole."""
        links = {link.name: link for link in await self._with.host.ask(Links())}
        known: list[Op] = []
        for op in ops:
            match op:
                case SetSysctl():
                    known.append(structs.replace(op, former=await self._with.host.ask(Sysctl(op.key))))
                case SetLinkMtu(name=name) if name in links:
                    known.append(structs.replace(op, former=links[name].mtu))
                case AddAddress(link=name, address=address) if name in links and address in links[name].addresses:
                    pass  # it was there before, and is to stay
                case _:
                    known.append(op)
        return known

    def _driver(self, request: NetworkRequest) -> Driver:
        try:
            driver = self._with.drivers[request.driver]
        except KeyError:
            if request.driver == "overlay":
                raise Forbidden(NO_SWARM) from None
            near = get_close_matches(request.driver, self._with.drivers, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise NotFound(f'plugin "{request.driver}" not found{hint}') from None
        if request.scope == "local" and driver.capabilities.data_scope != "local":
            raise Forbidden(f"cannot downgrade network scope for {request.driver} networks")
        if request.ingress and driver.capabilities.data_scope == "local":
            raise Forbidden("Ingress network can only be global scope network")
        if driver.capabilities.single and not request.config_only and request.name not in {HOST, NONE}:
            raise Forbidden(f'only one instance of "{request.driver}" network is allowed')
        return driver

    def _draft(self, request: NetworkRequest, driver: Driver) -> Network:
        """Return a network as it is asked for, with nothing chosen yet."""
        enabled = {version for version, wanted in ((4, request.ipv4), (6, request.ipv6)) if wanted}
        active = [pool for pool in request.pools if request.config_only or pool.subnet.version in enabled]
        draft = Network(
            id=new_id(),
            name=request.name,
            driver=request.driver,
            created=datetime.now(UTC),
            scope=request.scope or driver.capabilities.data_scope,
            ipv4=request.ipv4,
            ipv6=request.ipv6,
            internal=request.internal,
            attachable=request.attachable,
            ingress=request.ingress,
            config_only=request.config_only,
            config_from=request.config_from,
            ipam_driver=request.ipam_driver,
            ipam_options=request.ipam_options,
            pools=tuple(active),
            idle=tuple(pool for pool in request.pools if pool not in active),
            options=request.options,
            labels=request.labels,
        )
        if faults := self._with.names.faults(draft.options, driver.network_options, f"driver {driver.name}"):
            raise InvalidInput("\n".join(faults))
        return draft

    async def _leased(self, draft: Network, driver: Driver) -> Network:
        """Return a network with the pools of its IPAM plugin, where it has one.

        A plugin may take its time: nobody else waits for it, so names and subnets are looked at again afterwards.
        """
        if not driver.capabilities.addresses or not self._with.addressing.is_remote(draft):
            return draft
        reserved = await self._reserved(await self._foreign_routes(draft, driver))
        taken = [*reserved, *self._on_this_host(self._state.networks.values())]
        return await self._with.addressing.lease(draft, taken, _gateways(draft, driver))

    def _on_this_host(self, networks: Iterable[Network]) -> Sequence[IPNetwork]:
        """Return the subnets for which this host has an interface of its own."""
        return [pool.subnet for network in networks if self._with.links.of(network.id) for pool in network.pools]

    async def _choose(self, network: Network, driver: Driver) -> tuple[Network, Sequence[Route]]:
        """Decide everything about a new network, and take its subnets; return it with the routes that were there."""
        self._refuse_taken(network.name)
        network = await self._adopt(network, driver)
        routes: Sequence[Route] = ()
        if driver.capabilities.addresses:
            routes = await self._foreign_routes(network, driver)
            reserved = await self._reserved(routes)
            network = self._with.addressing.choose(network, reserved, _gateways(network, driver))
            self._refuse_conflict(network, driver)
        driver.check(network)
        return network, routes

    def _refuse_conflict(self, network: Network, driver: Driver) -> None:
        """Refuse subnets that a plugin gave and that another network of this host has: the host has one route for both.

        The engine's own IPAM sees to its own.
        """
        links, remote = driver.links(network), self._with.addressing.is_remote
        others = self._state.networks.values() if remote(network) else self._remote_networks()
        for other in others if links else ():
            if names := self._with.links.of(other.id):
                for pool, theirs in itertools.product(network.pools, other.pools):
                    if pool.subnet.version == theirs.subnet.version and pool.subnet.overlaps(theirs.subnet):
                        raise Forbidden(
                            f"cannot create network {network.id} ({links[0]}): conflicts with network {other.id} "
                            f"({names[0]}): networks have overlapping IPv{pool.subnet.version}: {pool.subnet} and "
                            f"{theirs.subnet} of {other.name}"
                        )

    async def _adopt(self, network: Network, driver: Driver) -> Network:
        """Notice that a link of the network's stands there already, and refuse what cannot be shared."""
        for name in driver.links(network):
            if (other := self._with.links.network(name)) is not None:
                raise Forbidden(
                    f"cannot create network {network.id} ({name}): conflicts with network {other.id} ({name}): "
                    "networks have same bridge name"
                )
            if (link := await self._with.host.ask(LinkNamed(name))) is not None:
                if link.kind != driver.name:
                    raise Forbidden(f"existing interface {link.name} is not a {driver.name}")
                return replace(network, adopted=True)
        return network

    async def _foreign_routes(self, network: Network, driver: Driver) -> Sequence[Route]:
        """Return the host's routes but for those of our own bridges, which lead to subnets that are held anyway."""
        adopted = driver.links(network) if network.adopted else ()
        return [route for route in await self._with.foreign.look() if route.link not in adopted]

    async def _reserved(self, routes: Sequence[Route]) -> Sequence[IPNetwork]:
        """Return the prefixes that no automatic subnet may touch.

        They are the host's own neighbourhoods, its nameservers, and what plugins have given to other networks.
        """
        resolv = await self._with.host.ask(ReadFile("/etc/resolv.conf"))
        on_link = [route.destination for route in routes if route.on_link]
        return [*on_link, *_nameservers(resolv or ""), *self._on_this_host(self._remote_networks())]

    def _remote_networks(self) -> Sequence[Network]:
        """Return the networks whose addresses plugins manage."""
        own = self._with.addressing.drivers
        by_driver = self._state.networks_by_ipam().items()
        return [network for driver, networks in by_driver if driver not in own for network in networks.values()]

    async def remove(self, reference: str) -> Network:
        """Remove a network. Raises Forbidden where it is predefined or has endpoints."""
        network = self._state.network(reference)
        if network.name in PREDEFINED:
            raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
        configurations.refuse_used(network, self._state.networks.values())
        return await self.unmake(network)

    async def prune(self, spare: Callable[[Network], bool]) -> Sequence[Network]:
        """Remove the networks that nobody uses, but for those to spare. Raises Conflict while another prune runs."""
        if self._pruning.locked():
            raise Conflict("a prune operation is already running")
        removed: list[Network] = []
        async with self._pruning:
            for network in self.list():
                if network.name in PREDEFINED or network.config_only or spare(network):
                    continue
                # Whoever has come to use or remove it meanwhile has been quicker: neither is a failure of the prune.
                with contextlib.suppress(Forbidden, NotFound):
                    removed.append(await self.remove(network.id))
        self._with.events.pruned()
        return removed

    def _refuse_used(self, network: Network) -> None:
        attachments = self.attachments(network.id)
        active = [item for item in attachments if item.sandbox.open]
        if active:
            names = ", ".join(f'name:"{item.sandbox.name}" id:"{short(item.endpoint.id)}"' for item in active)
            raise Forbidden(
                f"error while removing network: network {network.name} has active endpoints ({names}): "
                "stop these containers or disconnect them first"
            )
        if attachments:
            names = ", ".join(item.sandbox.name for item in attachments)
            raise Forbidden(
                f"error while removing network: network {network.name} is named by stopped containers ({names}): "
                "they could not start again; remove them or disconnect them first"
            )

    async def unmake(self, network: Network) -> Network:
        """Remove a network, whatever its name. Raises Forbidden where something stands on it."""
        try:
            return await to_the_end(self._unmake(network))
        finally:
            await self._with.zones.place(network)
            await self._follow_names()

    async def _follow_names(self) -> None:
        """Let the host's programs ask for names on the networks that there are now."""
        await self._with.host_names.follow()
        self._with.link_dns.follow()

    async def _unmake(self, network: Network) -> Network:
        driver = self._with.drivers[network.driver]
        # The row goes first: nobody can join what is being taken down, and the sweep removes what a crash leaves.
        async with AsyncExitStack() as afterwards, self._with.firewall.changing() as firewall:
            if network.id not in self._state.networks:
                # Somebody else has removed it while the firewall was awaited.
                raise NotFound(f"network {network.name} not found")
            # Nothing is awaited between this look and the row's deletion from memory: nobody can join in between.
            self._refuse_used(network)
            afterwards.enter_context(self._with.links.leaving(network))
            await self._forget_row(network)
            # Whatever comes; but not while others wait for the firewall, since an IPAM plugin may be slow.
            afterwards.push_async_callback(self._with.addressing.forget, network)
            rules = firewall.change(add=(), remove=driver.intents(network))
            idle = [op for op in rules if isinstance(op, ChangeElements) and op.idle]
            now = [*driver.delete_network(network), *(op for op in rules if op not in idle)]
            failures = await carry_out_all(self._with.host, now)
            self._with.firewall.later(idle)
        self._with.events.destroyed(network)
        if failures:
            failures = [*failures, *await self._with.leftovers.clear()]
            raise TeardownFailed(f"network {network.name} is gone, but not everything of it", failures)
        return network


def _gateways(network: Network, driver: Driver) -> list[int]:
    """Return the versions of IP for which a gateway is to be chosen where the user names none."""
    return [version for version in (4, 6) if driver.needs_gateway(network, version)]


def _nameservers(resolv: str) -> Sequence[IPNetwork]:
    """Return the addresses of a resolv.conf's nameservers as prefixes; what is no address is not our trouble."""
    found = []
    for line in resolv.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(ip_network(words[1].partition("%")[0]))
    return found
