"""Endpoints as reservations: an identity, a place in the sandbox, and addresses that nobody else may have.

An address is reserved from the endpoint's creation to its deletion, whether its sandbox is open or not, and by the
endpoint's row alone: IPAM is filled from the rows at the start.
"""

import itertools
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

from netwright.controller.addresses.addressing import Addressing
from netwright.drivers.api import Driver
from netwright.drivers.endpoint_options import interface_name
from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, IPInterface, Mac
from netwright.model.names import new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox


class Reservations:
    """Makes endpoints out of wishes."""

    def __init__(self, addressing: Addressing, drivers: Mapping[str, Driver]) -> None:
        self._addressing = addressing
        self._drivers = drivers

    @asynccontextmanager
    async def attempt(self, named: Collection[str] = ()) -> AsyncIterator["Attempt"]:
        """Yield a maker of endpoints whose addresses are all given back if the block raises.

        `named` are the interface names that users have asked for: no other endpoint is given one of them.
        """
        attempt = Attempt(self._addressing, self._drivers, named)
        try:
            yield attempt
        except BaseException:
            await attempt.give_back()
            raise

    async def release(self, endpoint: Endpoint) -> None:
        """Give an endpoint's addresses back; they rest before they are used again."""
        await self._addressing.release(endpoint)


class Attempt:
    """One attempt to make endpoints."""

    def __init__(self, addressing: Addressing, drivers: Mapping[str, Driver], named: Collection[str]) -> None:
        self._addressing = addressing
        self._drivers = drivers
        self._named = named
        self._made: list[Endpoint] = []

    async def endpoint(
        self, sandbox: Sandbox, network: Network, spec: EndpointSpec, *, among: Sequence[Endpoint]
    ) -> Endpoint:
        """Return a new endpoint of a sandbox, beside those that it has already.

        Raises what IPAM raises (Forbidden for a taken address, SystemFailure for a full pool), and InvalidInput for an
        interface name that is taken.
        """
        identity = new_id()
        order = max((other.order for other in among), default=-1) + 1
        driver = self._drivers[network.driver]
        if not driver.capabilities.addresses:
            return Endpoint(id=identity, network=network.id, sandbox=sandbox.id, spec=spec, order=order)
        endpoint = Endpoint(
            id=identity,
            network=network.id,
            sandbox=sandbox.id,
            spec=spec,
            order=order,
            mac=spec.mac or Mac.derived(identity),
            gateway4=_router(network, driver, 4),
            gateway6=_router(network, driver, 6),
            interface=self._interface(spec, driver.interface_prefix(network), among),
            host_interface=f"veth{identity[:11]}",
        )
        return await self._addressed(endpoint, network, sandbox)

    async def _addressed(self, endpoint: Endpoint, network: Network, sandbox: Sandbox) -> Endpoint:
        """Return an endpoint with an address for each family of its network."""
        self._made.append(endpoint)
        for version, wanted in ((4, endpoint.spec.ipv4), (6, endpoint.spec.ipv6)):
            if network.ipv4 if version == 4 else network.ipv6:
                address = await self._addressing.reserve(network, version, wanted, endpoint, sandbox)
                endpoint = _with_address(endpoint, address)
                self._made[-1] = endpoint
        return endpoint

    def _interface(self, spec: EndpointSpec, prefix: str, among: Sequence[Endpoint]) -> str:
        """Return the interface's name inside: the one asked for, or the prefix with the lowest free number."""
        taken = {other.interface for other in among}
        if asked := interface_name(spec):
            if asked in taken:
                raise InvalidInput(f"interface name {asked} is taken by another endpoint of the same container")
            return asked
        names = (f"{prefix}{number}" for number in itertools.count())
        return next(name for name in names if name not in taken and name not in self._named)

    async def give_back(self) -> None:
        """Release everything that this attempt has taken."""
        while self._made:
            await self._addressing.release(self._made.pop())


def _with_address(endpoint: Endpoint, address: IPInterface | None) -> Endpoint:
    match address:
        case IPv4Interface():
            return replace(endpoint, ipv4=address)
        case IPv6Interface():
            return replace(endpoint, ipv6=address)
        case None:
            return endpoint


def _router(network: Network, driver: Driver, version: int) -> IPAddress | None:
    """Return the gateway that an endpoint uses for a family; none on internal networks."""
    pool = network.pool(version)
    wanted = network.ipv4 if version == 4 else network.ipv6
    if not wanted or pool is None or network.internal:
        return None
    return driver.gateway(network, version)
