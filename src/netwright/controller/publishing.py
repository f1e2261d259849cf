"""Granting ports: from wishes to held sockets and bindings on endpoints."""

import errno
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from netwright.controller.api import Attachment
from netwright.controller.gateways import Gateways, choose
from netwright.drivers.api import Driver
from netwright.errors import OperationFailed, SystemFailure
from netwright.host.ops import HoldPort
from netwright.host.protocol import Transaction
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress
from netwright.model.names import Id
from netwright.model.network import Endpoint, Sandbox
from netwright.model.ports import Port, PortBinding
from netwright.model.sources import EVERYBODY, Sources
from netwright.publish.allocate import HostPorts, Reach, RelayPolicy, Wish, opened, preferred_numbers, wishes

log = logging.getLogger(__name__)


class _Had:
    """What a sandbox had published before, by the container's port: a range of a thousand is asked for as often.

    `held` are the ports whose sockets are held still, which are those of an open sandbox (`kept`).
    """

    def __init__(self, bindings: Sequence[PortBinding], *, kept: bool) -> None:
        self._by_port: defaultdict[Port, list[PortBinding]] = defaultdict(list)
        for binding in bindings:
            self._by_port[binding.port].append(binding)
        self.held = {(binding.port, binding.host_ip, binding.host_port) for binding in bindings if kept}

    def of(self, port: Port) -> Sequence[PortBinding]:
        """Return the bindings of a container's port."""
        return self._by_port.get(port, ())


@dataclass(frozen=True, slots=True)
class _Granting:
    """What all ports of one sandbox are granted with."""

    attempt: Transaction
    sandbox: Sandbox
    gateways: Gateways
    had: _Had

    def carriers(self, wish: Wish) -> Iterator[tuple[Id, IPAddress]]:
        """Yield each address of a wish with the endpoint that its binding is of."""
        return ((_carrier(self.gateways, address).id, address) for address in wish.addresses)

    def missing(self, wish: Wish, number: int) -> list[HoldPort]:
        """Return what holds a number for a wish where it is not held still."""
        addresses = (a for a in wish.addresses if (wish.port, a, number) not in self.had.held)
        return [HoldPort(protocol=wish.port.protocol, address=a, port=number) for a in addresses]


class Publishing:
    """Grants host ports to endpoints, and knows which are granted."""

    def __init__(
        self,
        ports: HostPorts,
        drivers: Mapping[str, Driver],
        *,
        relays: RelayPolicy,
        host_has_ipv6: bool,
        sources: Sources = EVERYBODY,
    ) -> None:
        self._ports = ports
        self._sources = sources
        self._drivers = drivers
        self._host_has_ipv6 = host_has_ipv6
        self.relays = relays

    def restore(self, attachments: Iterable[Attachment]) -> None:
        """Learn what is granted to the endpoints of open sandboxes."""
        for item in attachments:
            self._ports.put(item.endpoint.id, item.sandbox.name, item.endpoint.bindings)

    def put_back(self, attachments: Iterable[Attachment], *, is_open: bool) -> None:
        """Record what these endpoints have, as after a failed change or after closing."""
        for item in attachments:
            bindings = item.endpoint.bindings if is_open else ()
            self._ports.put(item.endpoint.id, item.sandbox.name, bindings)

    def forget(self, attachments: Iterable[Attachment]) -> None:
        """Forget what is granted to endpoints that are no more."""
        for item in attachments:
            self._ports.drop(item.endpoint.id)

    async def grant(
        self, attempt: Transaction, sandbox: Sandbox, before: Sequence[Attachment], after: Sequence[Attachment]
    ) -> list[Attachment]:
        """Return a new shape with the ports of its sandbox granted to its gateways, their sockets held.

        A sandbox that is open keeps its numbers, whichever endpoints come and go; a closed one gets those that it had,
        where they are free. Raises SystemFailure in Docker's words; then the transaction takes the sockets back.
        """
        if not sandbox.ports and not sandbox.publish_all and not any(_granted(before)) and not any(_granted(after)):
            return list(after)
        gateways = choose(after)
        had = _Had(list(_granted(before)), kept=sandbox.open)
        granted: dict[Id, list[PortBinding]] = {item.endpoint.id: [] for item in after}
        for item in (*before, *after):
            self._ports.drop(item.endpoint.id)
        wanted = self._wishes(sandbox, gateways)
        numbers = await self._hold_all(_Granting(attempt, sandbox, gateways, had), wanted)
        for wish, number in zip(wanted, numbers, strict=True):
            for address in wish.addresses:
                binding = PortBinding(wish.port, address, number, wish.sources)
                granted[_carrier(gateways, address).id].append(binding)
        for item in after:
            granted[item.endpoint.id].extend(self._opened_directly(sandbox, item))
        return [
            structs.replace(item, endpoint=replace(item.endpoint, bindings=tuple(granted[item.endpoint.id])))
            for item in after
        ]

    def _wishes(self, sandbox: Sandbox, gateways: Gateways) -> list[Wish]:
        """Return what is to be published on the host, of the families whose gateway translates."""
        first = gateways.ipv4 or gateways.ipv6
        if first is None or not self._drivers[first.network.driver].capabilities.publishes:
            return []
        reach = Reach(
            default=self._default_binding(gateways.ipv4 or first),
            default6=self._default_binding(gateways.ipv6 or first),
            endpoint4=gateways.ipv4 is not None,
            endpoint6=gateways.ipv6 is not None,
            routed4=self._is_routed(gateways, 4),
            routed6=self._is_routed(gateways, 6),
            host6=self._host_has_ipv6,
            sources=self._sources,
        )
        return wishes(sandbox.ports, sandbox.exposed, publish_all=sandbox.publish_all, reach=reach)

    def _is_routed(self, gateways: Gateways, version: int) -> bool:
        item = gateways.of(version)
        return item is not None and self._drivers[item.network.driver].is_routed(item.network, version)

    def _default_binding(self, item: Attachment) -> IPAddress:
        return self._drivers[item.network.driver].default_binding(item.network)

    def _opened_directly(self, sandbox: Sandbox, item: Attachment) -> list[PortBinding]:
        """Return the ports that are opened at an endpoint's own addresses: on routed networks, gateway or not."""
        network, endpoint = item.network, item.endpoint
        driver = self._drivers[network.driver]
        own = {4: endpoint.ipv4, 6: endpoint.ipv6}
        routed = [
            version
            for version, address in own.items()
            if address is not None and not network.internal and driver.is_routed(network, version)
        ]
        return [
            PortBinding(port, ANY_IPV4 if version == 4 else ANY_IPV6, 0, self._sources if sources is None else sources)
            for version in routed
            for port, sources in opened(
                sandbox.ports, sandbox.exposed, version, publish_all=sandbox.publish_all
            ).items()
        ]

    async def _hold_all(self, granting: _Granting, wanted: Sequence[Wish]) -> list[int]:
        """Hold a number for each wish and return them; those that leave no choice first, and all of them at once."""
        where, holds = _where(granting.sandbox), []
        for wish in wanted:
            if wish.fixed:
                try:
                    number = next(self._ports.candidates(wish))
                except SystemFailure as error:
                    raise SystemFailure(f"{where}: {error}") from error
                holds += granting.missing(wish, number)
                self._enter(granting, wish, number)
        try:
            await granting.attempt.do(holds)
        except OperationFailed as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise SystemFailure(f"{where}: {error}") from error
        numbers = []
        for wish in wanted:
            number = wish.first if wish.fixed else await self._hold(granting, wish)
            if not wish.fixed:
                self._enter(granting, wish, number)
            numbers.append(number)
        return numbers

    def _enter(self, granting: _Granting, wish: Wish, number: int) -> None:
        for endpoint, address in granting.carriers(wish):
            self._ports.add(endpoint, granting.sandbox.name, [PortBinding(wish.port, address, number, wish.sources)])

    async def _hold(self, granting: _Granting, wish: Wish) -> int:
        """Hold one of several numbers for a wish at all its addresses and return it."""
        where = _where(granting.sandbox)
        failure: OperationFailed | None = None
        try:
            for number in self._ports.candidates(wish, preferred_numbers(wish, granting.had.of(wish.port))):
                holds = granting.missing(wish, number)
                try:
                    await granting.attempt.do(holds)
                except OperationFailed as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    failure = error
                    await granting.attempt.take_back(holds[: error.done])
                    continue
                return number
        except SystemFailure as error:
            raise SystemFailure(f"{where}: {error}") from error
        raise SystemFailure(f"{where}: {failure}") from failure


def _granted(shape: Sequence[Attachment]) -> Iterator[PortBinding]:
    """Yield the bindings of all endpoints of a shape."""
    return (binding for item in shape for binding in item.endpoint.bindings)


def _carrier(gateways: Gateways, address: IPAddress) -> Endpoint:
    """Return the endpoint that a binding at a host address belongs to: of its family, or of the other by the relay."""
    item = gateways.of(address.version) or gateways.ipv4 or gateways.ipv6
    assert item is not None, "there are no wishes without a gateway"
    return item.endpoint


def _where(sandbox: Sandbox) -> str:
    return (
        "failed to set up container networking: driver failed programming external connectivity on endpoint "
        f"{sandbox.name} ({sandbox.id[:12]})"
    )
