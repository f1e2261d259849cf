"""Endpoints as reservations: an identity, a place in the sandbox, and addresses that nobody else may have.

An address is reserved from the endpoint's creation to its deletion, whether its sandbox is open or not, and by the
endpoint's row alone: IPAM is filled from the rows at the start.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv6Interface

from netwright.drivers.api import Driver
from netwright.drivers.endpoint_options import interface_name
from netwright.errors import InvalidInput
from netwright.ipam.api import Ipam
from netwright.model.addressing import IPAddress, IPInterface, Mac
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox


class Reservations:
    """Makes endpoints out of wishes."""

    def __init__(self, ipam: Ipam, drivers: Mapping[str, Driver]) -> None:
        self._ipam = ipam
        self._drivers = drivers

    @contextmanager
    def attempt(self, named: Collection[str] = ()) -> Iterator["Attempt"]:
        """Yield a maker of endpoints whose addresses are all given back if the block raises.

        `named` are the interface names that users have asked for: no other endpoint is given one of them.
        """
        attempt = Attempt(self._ipam, self._drivers, named)
        try:
            yield attempt
        except BaseException:
            attempt.give_back()
            raise

    def release(self, endpoint: Endpoint) -> None:
        """Give an endpoint's addresses back; they rest before they are used again."""
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                self._ipam.release(endpoint.network, address.ip)


class Attempt:
    """One attempt to make endpoints."""

    def __init__(self, ipam: Ipam, drivers: Mapping[str, Driver], named: Collection[str]) -> None:
        self._ipam = ipam
        self._drivers = drivers
        self._named = named
        self._taken: list[tuple[Network, IPAddress]] = []

    def endpoint(
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
        return Endpoint(
            id=identity,
            network=network.id,
            sandbox=sandbox.id,
            spec=spec,
            order=order,
            mac=spec.mac or Mac.derived(identity),
            ipv4=self._ipv4(network, spec.ipv4, sandbox.id),
            ipv6=self._ipv6(network, spec.ipv6, sandbox.id),
            gateway4=_router(network, driver, 4),
            gateway6=_router(network, driver, 6),
            interface=self._interface(spec, driver.interface_prefix(network), among),
            host_interface=f"veth{identity[:11]}",
        )

    def _ipv4(self, network: Network, wanted: IPAddress | None, holder: Id) -> IPv4Interface | None:
        address = self._reserve(network, 4, wanted, holder) if network.ipv4 else None
        return None if address is None else IPv4Interface(address)

    def _ipv6(self, network: Network, wanted: IPAddress | None, holder: Id) -> IPv6Interface | None:
        address = self._reserve(network, 6, wanted, holder) if network.ipv6 else None
        return None if address is None else IPv6Interface(address)

    def _reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: Id) -> IPInterface | None:
        address = self._ipam.reserve(network, version, wanted, holder)
        if address is not None:
            self._taken.append((network, address.ip))
        return address

    def _interface(self, spec: EndpointSpec, prefix: str, among: Sequence[Endpoint]) -> str:
        """Return the interface's name inside: the one asked for, or the prefix with the lowest free number."""
        taken = {other.interface for other in among}
        if asked := interface_name(spec):
            if asked in taken:
                raise InvalidInput(f"interface name {asked} is taken by another endpoint of the same container")
            return asked
        names = (f"{prefix}{number}" for number in itertools.count())
        return next(name for name in names if name not in taken and name not in self._named)

    def give_back(self) -> None:
        """Release everything that this attempt has taken."""
        while self._taken:
            network, address = self._taken.pop()
            self._ipam.release(network.id, address)


def _router(network: Network, driver: Driver, version: int) -> IPAddress | None:
    """Return the gateway that an endpoint uses for a family; none on internal networks."""
    pool = network.pool(version)
    wanted = network.ipv4 if version == 4 else network.ipv6
    if not wanted or pool is None or network.internal:
        return None
    return driver.gateway(network, version)
