"""Granting ports: from wishes to held sockets and bindings on endpoints."""

import errno
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from netwright.controller.api import Attachment
from netwright.controller.gateways import Gateways, choose
from netwright.drivers.api import Driver
from netwright.errors import OperationFailed, SystemFailure
from netwright.host.ops import HoldPort
from netwright.host.protocol import Transaction
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress
from netwright.model.names import Id
from netwright.model.network import Endpoint, Sandbox
from netwright.model.ports import PortBinding
from netwright.model.sources import EVERYBODY, Sources
from netwright.publish.allocate import HostPorts, Reach, RelayPolicy, Wish, opened, preferred_numbers, wishes

log = logging.getLogger(__name__)


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
        gateways = choose(after)
        had = [binding for item in before for binding in item.endpoint.bindings]
        granted: dict[Id, list[PortBinding]] = {item.endpoint.id: [] for item in after}
        for item in (*before, *after):
            self._ports.drop(item.endpoint.id)
        for wish in self._wishes(sandbox, gateways):
            number = await self._hold(attempt, sandbox, wish, had)
            for address in wish.addresses:
                endpoint = _carrier(gateways, address)
                granted[endpoint.id].append(PortBinding(wish.port, address, number, wish.sources))
                self._ports.put(endpoint.id, sandbox.name, granted[endpoint.id])
        for item in after:
            granted[item.endpoint.id].extend(self._opened_directly(sandbox, item))
        return [
            replace(item, endpoint=replace(item.endpoint, bindings=tuple(granted[item.endpoint.id]))) for item in after
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

    async def _hold(
        self,
        attempt: Transaction,
        sandbox: Sandbox,
        wish: Wish,
        had: Sequence[PortBinding],
    ) -> int:
        """Hold a number for a wish at all its addresses and return it; `had` is what the sandbox had before."""
        held = {(binding.port, binding.host_ip, binding.host_port) for binding in had if sandbox.open}
        failure: OperationFailed | None = None
        try:
            for number in self._ports.candidates(wish, preferred_numbers(wish, had)):
                missing = [address for address in wish.addresses if (wish.port, address, number) not in held]
                holds = [HoldPort(protocol=wish.port.protocol, address=a, port=number) for a in missing]
                try:
                    await attempt.do(holds)
                except OperationFailed as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    failure = error
                    await attempt.take_back(holds[: error.done])
                    continue
                return number
        except SystemFailure as error:
            raise SystemFailure(f"{_where(sandbox)}: {error}") from error
        raise SystemFailure(f"{_where(sandbox)}: {failure}") from failure


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
