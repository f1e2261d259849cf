"""IPAM by plugins: pools and addresses are asked of another process, and given back to it.

A plugin may be slow or dead, and the engine may die at any moment. In this order things are kept right:

    1. what a plugin gives is written down as a lease (`leases`) in one step with the asking, which is not
       cut short where a client goes away;
    2. the row of the network or endpoint that it is for is written: from here on the lease has an owner;
    3. on removal the row goes first, then the lease is given back, then it is struck out.

A lease without an owner, after a failure or a crash, is given back. What could not be given back, because nobody
listened, is so before the plugin is next asked for anything. One gap is left: a crash between the plugin's decision and
the lease on disk. The protocol has neither names for requests nor a listing by which it could be closed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from netwright.controller.addresses.ipam_plugins import IpamPlugins, Partner
from netwright.controller.addresses.leases import Lease, Leases, Role
from netwright.controller.state import State
from netwright.errors import Forbidden, NotFound, SystemFailure
from netwright.host.uncancelled import to_the_end
from netwright.ipam import remote
from netwright.ipam.pools import pools_needed
from netwright.ipam.validate import check_pools, is_automatic
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, Network, Pool

_OFFERS = 32
"""How many pools or addresses that cannot be used a plugin may offer before it is given up."""


class RemoteIpam:
    """Asks plugins for what networks and endpoints need; `name_of` gives the name by which a user knows a sandbox."""

    def __init__(self, plugins: IpamPlugins, leases: Leases, state: State, name_of: Callable[[Id], str]) -> None:
        self._plugins = plugins
        self._leases = leases
        self._state = state
        self._name_of = name_of

    async def lease_pools(
        self, network: Network, taken: Sequence[IPNetwork], gateways: Collection[int]
    ) -> tuple[Pool, ...]:
        """Ask for a new network's pools, their gateways and auxiliary addresses; return the pools as decided.

        `taken` are prefixes that a pool of the plugin's choice must not touch; `gateways` the versions of IP for
        which a gateway is asked. What was given before a refusal stays leased, for the caller to give back.
        """
        asked = pools_needed(network)
        check_pools(asked)
        partner = await self._plugins.get(network.ipam_driver)
        leased = [await self._lease_free_pool(partner, network, pool, taken) for pool in asked]
        return tuple(
            [
                await self._complete(partner, pool, lease, gateway, wants_gateway=pool.subnet.version in gateways)
                for pool, (lease, gateway) in zip(asked, leased, strict=True)
            ]
        )

    async def _complete(
        self, partner: Partner, pool: Pool, lease: Lease, gateway: IPAddress | None, *, wants_gateway: bool
    ) -> Pool:
        """Ask for a pool's gateway and auxiliary addresses; `gateway` is one that the plugin has chosen unasked."""
        if pool.gateway is not None or (gateway is None and wants_gateway):
            asking = replace(lease, role=Role.GATEWAY, address=pool.gateway)
            what = f"failed to allocate gateway ({pool.gateway or ''})"
            gateway = (await self._lease(partner, asking, remote.GATEWAY_OPTIONS, what)).ip
        for name, address in pool.auxiliary.items():
            if address not in lease.subnet:
                raise Forbidden(f"auxiliary address: ({name}:{address}) must belong to the master pool: {lease.subnet}")
            asking = replace(lease, role=Role.AUXILIARY, address=address)
            await self._lease(partner, asking, None, f"failed to allocate secondary ip address ({name}:{address})")
        return replace(pool, subnet=lease.subnet, gateway=gateway, given=not is_automatic(pool))

    async def _lease_free_pool(
        self, partner: Partner, network: Network, pool: Pool, taken: Sequence[IPNetwork]
    ) -> tuple[Lease, IPAddress | None]:
        """Ask for a pool until one is offered that overlaps nothing; the others are kept so long, then given back."""
        declined: list[Lease] = []
        try:
            while len(declined) < _OFFERS:
                lease, gateway = await to_the_end(self._ask_pool(partner, network, pool))
                if not is_automatic(pool) or not _touches(lease.subnet, taken):
                    return lease, gateway
                declined.append(lease)
        finally:
            await self._plugins.give_back(declined)
        raise SystemFailure(
            f"the IPAM driver {network.ipam_driver} offers only pools that overlap others, such as "
            f"{declined[-1].subnet}: name one with --subnet"
        )

    async def _ask_pool(self, partner: Partner, network: Network, pool: Pool) -> tuple[Lease, IPAddress | None]:
        request = remote.pool_wanted(partner.space(network), pool, network.ipam_options)
        said = await partner.ask("RequestPool", request, remote.PoolSaid)
        try:
            given = remote.read_pool(said, pool.subnet.version)
        except SystemFailure:
            await partner.decline("ReleasePool", remote.PoolGivenBack(pool_id=said.pool_id))
            raise
        lease = Lease(
            id=new_id(),
            driver=network.ipam_driver,
            owner=network.id,
            role=Role.POOL,
            pool=given.id,
            subnet=given.subnet,
        )
        await self._leases.put([lease])
        return lease, given.gateway

    async def lease_address(
        self, network: Network, version: int, wanted: IPAddress | None, endpoint: Endpoint, name: str
    ) -> IPInterface:
        """Ask for an endpoint's address; `name` is its sandbox's. Raises Forbidden or SystemFailure."""
        try:
            partner = await self._plugins.get(network.ipam_driver)
        except NotFound as missing:
            # Where a container is created, a client takes 404 for a missing image.
            raise SystemFailure(f"network {network.name} cannot give out addresses: {missing}") from missing
        pools = [lease for lease in self._leases.pools_of(network.id) if lease.subnet.version == version]
        pool = next((lease for lease in pools if wanted is None or wanted in lease.subnet), None)
        if pool is None:
            raise SystemFailure(
                f"no available IPv{version} addresses on this network's address pools: {network.name} ({network.id})"
            )
        if wanted is not None and (holder := self._leases.holder(pool.driver, pool.subnet, wanted)) is not None:
            raise Forbidden(
                f"Address already in use: {wanted} belongs to {self._known_as(holder)} in network {network.name}"
            )
        asking = replace(pool, owner=endpoint.id, role=Role.ENDPOINT, address=wanted)
        return await self._lease(partner, asking, partner.options(name, endpoint))

    def _known_as(self, owner: Id) -> str:
        endpoint = self._state.endpoints.get(owner)
        if owner in self._state.networks:
            return "the network itself"
        return self._name_of(endpoint.sandbox if endpoint is not None else Id(""))

    async def _lease(
        self, partner: Partner, asking: Lease, options: Mapping[str, str] | None, what: str = ""
    ) -> IPInterface:
        """Ask for the address that a lease names, or for any, and write it down.

        An address that somebody has already is left with the plugin, which must have lost its account, and the next is
        asked for. `what` goes before what is said of a failure.
        """
        try:
            for _ in range(_OFFERS):
                given = await to_the_end(self._ask_address(partner, asking, options))
                if given is not None:
                    return given
        except SystemFailure as failure:
            if not what:
                raise
            raise SystemFailure(f"{what}: {failure}") from failure
        raise SystemFailure(f"the IPAM driver {asking.driver} offers only addresses of {asking.subnet} that are taken")

    async def _ask_address(
        self, partner: Partner, asking: Lease, options: Mapping[str, str] | None
    ) -> IPInterface | None:
        request = remote.address_wanted(asking.pool, asking.address, options)
        said = await partner.ask("RequestAddress", request, remote.AddressSaid)
        try:
            given = remote.read_address(said, asking.subnet, asking.address)
        except SystemFailure:
            back = remote.AddressGivenBack(pool_id=asking.pool, address=said.address.partition("/")[0])
            await partner.decline("ReleaseAddress", back)
            raise
        if self._leases.holder(asking.driver, asking.subnet, given.ip) is not None:
            return None
        await self._leases.put([replace(asking, id=new_id(), address=given.ip)])
        return given

    def owns(self, owner: Id) -> bool:
        """Tell whether a network or endpoint has anything of a plugin."""
        return bool(self._leases.of(owner))

    async def give_back(self, owner: Id) -> None:
        """Give back all that an owner has, addresses before pools. What cannot be given back now is so later."""
        await self._plugins.give_back(self._leases.of(owner))


def _touches(subnet: IPNetwork, taken: Sequence[IPNetwork]) -> bool:
    return any(other.version == subnet.version and other.overlaps(subnet) for other in taken)
