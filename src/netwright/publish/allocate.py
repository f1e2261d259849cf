"""Which host ports a container gets. Pure: what is asked and what is taken in, numbers to try out.

A wish is one port of the container, at one or more host addresses, that must get the same number on all of them (so
`-p 80` is the same number for IPv4 and IPv6). Numbers are tried in this order: the one that the container had before,
then, for a range, the range from its start, and without one the ephemeral range from where the last choice ended.

`HostPorts.candidates` yields what is free as far as granted ports go. What other programs have only holding can tell:
who gets EADDRINUSE at one of a wish's addresses lets go of those it has, and takes the next candidate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from netwright.errors import InvalidInput, SystemFailure
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress, show
from netwright.model.names import Id
from netwright.model.network import Endpoint
from netwright.model.ports import Port, PortBinding, PortRequest, Protocol
from netwright.model.sources import EVERYBODY, Sources

_PROTOCOLS = tuple(Protocol)
_ANY: Mapping[int, IPAddress] = {4: ANY_IPV4, 6: ANY_IPV6}

EPHEMERAL_TRIES = 10
"""How many numbers of one's own choice may turn out to be taken by other programs before giving up, as in Docker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One port to be published at these addresses under one number; `first` and `last` 0 mean any number."""

    port: Port
    addresses: tuple[IPAddress, ...]
    first: int = 0
    last: int = 0
    sources: Sources = EVERYBODY

    @property
    def fixed(self) -> bool:
        """Tell whether only one number will do."""
        return self.first != 0 and self.first == self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What addresses there are to publish at.

    `default` is the host's address for requests that name none; `default6` that for IPv6, where its gateway is on
    another network. `endpoint4` and `endpoint6` say what the endpoint has; `routed4` and `routed6` that it is reached
    at its own addresses, so that the host's have no part in it. `host6` says whether the host speaks IPv6. `sources`
    are those who may connect where a request names none.
    """

    default: IPAddress = ANY_IPV4
    default6: IPAddress | None = None
    endpoint4: bool = True
    endpoint6: bool = False
    routed4: bool = False
    routed6: bool = False
    host6: bool = True
    sources: Sources = EVERYBODY


def wishes(requests: Sequence[PortRequest], exposed: Sequence[Port], *, publish_all: bool, reach: Reach) -> list[Wish]:
    """Return what is to be published, in Docker's order: fixed numbers first, so that a free choice leaves them alone.

    Requests that differ in nothing but the host's address are one wish. Raises InvalidInput for port 0 of a container.
    """
    groups: dict[tuple[Port, int, int, Sources], list[IPAddress]] = {}
    for request in _asked(requests, exposed, publish_all=publish_all):
        if request.port.number == 0:
            raise InvalidInput("invalid container port 0: a container's port is between 1 and 65535")
        addresses = _addresses(request, reach)
        if addresses:
            sources = reach.sources if request.sources is None else request.sources
            groups.setdefault((request.port, request.first, request.last, sources), []).extend(addresses)
    found = [
        Wish(port=port, addresses=_without_covered(addresses), first=first, last=last, sources=sources)
        for (port, first, last, sources), addresses in groups.items()
    ]
    return sorted(found, key=_order)


def opened(
    requests: Sequence[PortRequest], exposed: Sequence[Port], version: int, *, publish_all: bool
) -> dict[Port, Sources | None]:
    """Return the ports to open, for whom, where endpoints are reached at their own addresses.

    Host ports mean nothing there.
    """
    wanted = _asked(requests, exposed, publish_all=publish_all)
    return {asked.port: asked.sources for asked in wanted if asked.host_ip is None or asked.host_ip.version == version}


def _asked(requests: Sequence[PortRequest], exposed: Sequence[Port], *, publish_all: bool) -> list[PortRequest]:
    """Return the requests, with one for each exposed port that none names where all are to be published."""
    named = {request.port for request in requests}
    return [*requests, *(PortRequest(port) for port in exposed if publish_all and port not in named)]


def _order(wish: Wish) -> tuple[bool, int, int, int, int]:
    return not wish.fixed, wish.port.number, _PROTOCOLS.index(wish.port.protocol), wish.first, wish.last


def _addresses(request: PortRequest, reach: Reach) -> list[IPAddress]:
    """Return the host addresses that a request means: those from which a way leads to the endpoint.

    From an IPv6 address the relay leads to an endpoint without IPv6. It does not carry SCTP.
    """
    addresses = _defaults(reach) if request.host_ip is None else [request.host_ip]
    relayed = reach.endpoint4 and request.port.protocol is not Protocol.SCTP
    reached = {
        4: reach.endpoint4 and not reach.routed4,
        6: (reach.endpoint6 or relayed) and not reach.routed6,
    }
    return [address for address in addresses if reached[address.version]]


def _defaults(reach: Reach) -> list[IPAddress]:
    """Return what no address means: the default of each family; 0.0.0.0 stands for all of both."""
    addresses = []
    for version, default in ((4, reach.default), (6, reach.default if reach.default6 is None else reach.default6)):
        if default.version == version:
            addresses.append(default)
        elif version == 6 and default == ANY_IPV4 and reach.host6:
            addresses.append(ANY_IPV6)
    return addresses


def _without_covered(addresses: Sequence[IPAddress]) -> tuple[IPAddress, ...]:
    """Return each address once, IPv4 first; beside the one that stands for all of a family, none of that family."""
    covering = {address.version for address in addresses if address.is_unspecified}
    kept = {address for address in addresses if address.is_unspecified or address.version not in covering}
    return tuple(sorted(kept, key=lambda address: (address.version, address.packed)))


_Number = tuple[Protocol, int, int]
"""A protocol, an IP version and a port number: what addresses can be in each other's way for."""


@dataclass(slots=True)
class HostPorts:
    """The index of granted ports: for each protocol, IP version and number, which addresses are whose.

    It holds what it is given for each endpoint and nothing else: giving it an endpoint's bindings anew replaces them.
    Every question costs what it asks about, whatever the number of ports granted.
    """

    ephemeral: range = range(32768, 61000)
    avoided: frozenset[int] = frozenset()
    _holders: dict[_Number, dict[IPAddress, list[Id]]] = field(default_factory=dict)
    _bindings: dict[Id, list[PortBinding]] = field(default_factory=dict)
    _names: dict[Id, str] = field(default_factory=dict)
    _cursor: int = 0

    def put(self, endpoint: Id, holder: str, bindings: Sequence[PortBinding]) -> None:
        """Record the bindings of an endpoint, in place of those it had; `holder` is who messages say has them."""
        self.drop(endpoint)
        self.add(endpoint, holder, bindings)

    def add(self, endpoint: Id, holder: str, bindings: Iterable[PortBinding]) -> None:
        """Record more bindings of an endpoint, beside those it has."""
        for binding in bindings:
            if binding.host_port:
                self._names[endpoint] = holder
                self._bindings.setdefault(endpoint, []).append(binding)
                self._holders.setdefault(_number(binding), {}).setdefault(binding.host_ip, []).append(endpoint)

    def drop(self, endpoint: Id) -> None:
        """Forget an endpoint's bindings."""
        self._names.pop(endpoint, None)
        for binding in self._bindings.pop(endpoint, ()):
            holders = self._holders[_number(binding)]
            holders[binding.host_ip].remove(endpoint)
            if not holders[binding.host_ip]:
                del holders[binding.host_ip]
            if not holders:
                del self._holders[_number(binding)]

    def holder(self, protocol: Protocol, address: IPAddress, number: int) -> str | None:
        """Return who has a port at an address, or at an address that stands for it."""
        holders = self._holders.get((protocol, address.version, number))
        if holders is None:
            return None
        if address.is_unspecified:
            found = next(iter(holders.values()))
        else:
            found = holders.get(address) or holders.get(_ANY[address.version]) or []
        return self._names[found[0]] if found else None

    def candidates(self, wish: Wish, preferred: Sequence[int] = ()) -> Iterator[int]:
        """Yield the numbers to try for a wish, all free as far as is known here.

        Raises SystemFailure in Docker's words where none is: the port asked for is taken, or the whole range is.
        """
        if wish.fixed:
            self._refuse_taken(wish)
            yield wish.first
            return
        numbers = range(wish.first, wish.last + 1) if wish.first else self._from_cursor()
        # One that could have been chosen freely was; others may have been asked for by a wish that is gone.
        first = sorted((n for n in preferred if self._wanted(wish, n)), key=lambda n: n not in self.ephemeral)
        others = (number for number in numbers if number not in first)
        free = (number for number in chain(first, others) if self._is_free(wish, number))
        tried = 0
        for number in free if wish.first else islice(free, EPHEMERAL_TRIES):
            tried += 1
            if not wish.first and number not in first:
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
        size, start = len(self.ephemeral), self._cursor
        numbers = (self.ephemeral[(start + step) % size] for step in range(size))
        return (number for number in numbers if number not in self.avoided)

    def _is_free(self, wish: Wish, number: int) -> bool:
        return all(self.holder(wish.port.protocol, address, number) is None for address in wish.addresses)


def _number(binding: PortBinding) -> _Number:
    return binding.port.protocol, binding.host_ip.version, binding.host_port


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """Which published ports the relay serves. `always4`, `always6`: all of a family whose packets none translates."""

    always4: bool = False
    always6: bool = False

    def target(self, binding: PortBinding, endpoint: Endpoint) -> IPAddress | None:
        """Return the container's address that the relay leads to, or None where the kernel does all.

        By the relay go: an IPv6 host address to a container without IPv6, and ::1, from which a translated packet could
        not leave the host (an unspecified address holds ::1 too). SCTP never: the relay does not speak it.
        """
        if not binding.host_port or binding.port.protocol is Protocol.SCTP:
            return None
        host = binding.host_ip
        ipv4 = None if endpoint.ipv4 is None else endpoint.ipv4.ip
        ipv6 = None if endpoint.ipv6 is None else endpoint.ipv6.ip
        if host.version == 4:
            return ipv6 if ipv4 is None else ipv4 if self.always4 else None
        if ipv6 is None:
            return ipv4
        return ipv6 if self.always6 or host.is_unspecified or host.is_loopback else None


def preferred_numbers(wish: Wish, before: Iterable[PortBinding]) -> list[int]:
    """Return the numbers under which a wish's port was published at its addresses before."""
    found = (had.host_port for had in before if had.port == wish.port and had.host_ip in wish.addresses)
    return list(dict.fromkeys(number for number in found if number))
