"""Which host ports a container gets. Pure: what is asked and what is taken in, numbers to try out.

A wish is one port of the container, at one or more host addresses, that must get the same number on all of them (so
`-p 80` is the same number for IPv4 and IPv6). Numbers are tried in this order: the one that the container had before,
then, for a range, the range from its start, and without one the ephemeral range from where the last choice ended.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from netwright.errors import InvalidInput, SystemFailure
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress
from netwright.model.names import Id
from netwright.model.network import Endpoint
from netwright.model.ports import Port, PortBinding, PortRequest, Protocol

EPHEMERAL_TRIES = 10
"""How many numbers of one's own choice may turn out to be taken by other programs before giving up, as in Docker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One port to be published at these addresses under one number; `first` and `last` 0 mean any number."""

    port: Port
    addresses: tuple[IPAddress, ...]
    first: int = 0
    last: int = 0

    @property
    def fixed(self) -> bool:
        """Tell whether only one number will do."""
        return self.first != 0 and self.first == self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What addresses there are to publish at: the default host address, and whether host and endpoint have a family."""

    default: IPAddress = ANY_IPV4
    endpoint4: bool = True
    endpoint6: bool = False
    host6: bool = True


def wishes(requests: Sequence[PortRequest], exposed: Sequence[Port], *, publish_all: bool, reach: Reach) -> list[Wish]:
    """Return what is to be published, fixed numbers first, so that a free choice does not take them.

    Raises InvalidInput for port 0 of a container.
    """
    asked = list(requests)
    if publish_all:
        named = {request.port for request in requests}
        asked.extend(PortRequest(port) for port in exposed if port not in named)
    found = []
    for request in asked:
        if request.port.number == 0:
            raise InvalidInput("invalid container port 0: a container's port is between 1 and 65535")
        addresses = _addresses(request.host_ip, reach)
        if addresses:
            found.append(Wish(port=request.port, addresses=addresses, first=request.first, last=request.last))
    return sorted(found, key=lambda wish: not wish.fixed)


def _addresses(asked: IPAddress | None, reach: Reach) -> tuple[IPAddress, ...]:
    """Return the host addresses that a wish means. An IPv6 one may lead to an endpoint without IPv6, by the relay."""
    address = reach.default if asked is None else asked
    if asked is None and address == ANY_IPV4:
        both = (ANY_IPV4,) if reach.endpoint4 else ()
        return (*both, ANY_IPV6) if reach.host6 else both
    if address.version == 4 and not reach.endpoint4:
        return ()
    return (address,)


@dataclass(slots=True)
class HostPorts:
    """The index of granted ports: for each protocol and number, which addresses are whose.

    It holds what it is given for each endpoint and nothing else: giving it an endpoint's bindings anew replaces them.
    Every question costs what it asks about, whatever the number of ports granted.
    """

    ephemeral: range = range(32768, 61000)
    avoided: frozenset[int] = frozenset()
    _holders: dict[tuple[Protocol, int], dict[IPAddress, str]] = field(default_factory=dict)
    _bindings: dict[Id, tuple[PortBinding, ...]] = field(default_factory=dict)
    _cursor: int = 0

    def put(self, endpoint: Id, holder: str, bindings: Sequence[PortBinding]) -> None:
        """Record the bindings of an endpoint, in place of those it had."""
        self.drop(endpoint)
        self._bindings[endpoint] = tuple(binding for binding in bindings if binding.host_port)
        for binding in self._bindings[endpoint]:
            key = (binding.port.protocol, binding.host_port)
            self._holders.setdefault(key, {})[binding.host_ip] = holder

    def drop(self, endpoint: Id) -> None:
        """Forget an endpoint's bindings."""
        for binding in self._bindings.pop(endpoint, ()):
            key = (binding.port.protocol, binding.host_port)
            self._holders[key].pop(binding.host_ip, None)
            if not self._holders[key]:
                del self._holders[key]

    def holder(self, protocol: Protocol, address: IPAddress, number: int) -> str | None:
        """Return who has a port at an address, or at an address that stands for it."""
        holders = self._holders.get((protocol, number))
        if not holders:
            return None
        for other, holder in holders.items():
            if other.version == address.version and (
                other == address or other.is_unspecified or address.is_unspecified
            ):
                return holder
        return None

    def candidates(self, wish: Wish, preferred: int = 0) -> Iterator[int]:
        """Yield the numbers to try for a wish, all free as far as is known here.

        Raises SystemFailure in Docker's words where none is: the port asked for is taken, or the whole range is.
        """
        if wish.fixed:
            self._refuse_taken(wish)
            yield wish.first
            return
        numbers = range(wish.first, wish.last + 1) if wish.first else self._from_cursor()
        first = [preferred] if preferred and self._wanted(wish, preferred) else []
        free = (number for number in chain(first, numbers) if self._is_free(wish, number))
        tried = 0
        for number in free if wish.first else islice(free, EPHEMERAL_TRIES):
            tried += 1
            if not wish.first:
                self._cursor = number + 1 - self.ephemeral.start
            yield number
        if not tried:
            raise SystemFailure(f"all ports are allocated: none is left for {wish.port}")

    def _refuse_taken(self, wish: Wish) -> None:
        for address in wish.addresses:
            holder = self.holder(wish.port.protocol, address, wish.first)
            if holder is not None:
                raise SystemFailure(
                    f"Bind for {show(address, wish.first)} failed: port is already allocated (to {holder})"
                )

    def _wanted(self, wish: Wish, number: int) -> bool:
        return not wish.first or wish.first <= number <= wish.last

    def _from_cursor(self) -> Iterator[int]:
        size = len(self.ephemeral)
        numbers = (self.ephemeral[(self._cursor + step) % size] for step in range(size))
        return (number for number in numbers if number not in self.avoided)

    def _is_free(self, wish: Wish, number: int) -> bool:
        return all(self.holder(wish.port.protocol, address, number) is None for address in wish.addresses)


def show(address: IPAddress, number: int) -> str:
    """Return an address and a port as Docker writes them."""
    return f"[{address}]:{number}" if address.version == 6 else f"{address}:{number}"


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """Which published ports the relay serves. `always`: all of them, where the kernel translates none."""

    always: bool = False

    def target(self, binding: PortBinding, endpoint: Endpoint) -> IPAddress | None:
        """Return the container's address that the relay leads to, or None where the kernel does all.

        By the relay go: an IPv6 host address to a container without IPv6, and ::1, from which a translated packet could
        not leave the host (an unspecified address holds ::1 too).
        """
        own = endpoint.ipv4 if binding.host_ip.version == 4 else endpoint.ipv6
        other = endpoint.ipv6 if binding.host_ip.version == 4 else endpoint.ipv4
        by_relay = self.always or own is None
        if binding.host_ip.version == 6 and (binding.host_ip.is_unspecified or binding.host_ip.is_loopback):
            by_relay = True
        if not by_relay or not binding.host_port:
            return None
        chosen = own or other
        return None if chosen is None else chosen.ip


def preferred_number(wish: Wish, before: Mapping[tuple[Port, IPAddress], int]) -> int:
    """Return the number that a wish had before, or 0."""
    return next((before[wish.port, address] for address in wish.addresses if (wish.port, address) in before), 0)
