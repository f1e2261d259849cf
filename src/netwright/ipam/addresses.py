"""The addresses of one subnet: which are taken, by whom, and which comes next. Pure.

Addresses that were never used come first, in order; after them those that were given back, the one that has rested
longest first. So an address that was just freed, and that neighbours may still remember, is the last to be used again.
Nothing is searched: over any run of requests each takes the same time, however large or full the subnet is.
"""

from collections import OrderedDict
from collections.abc import Iterator
from ipaddress import ip_address

from netwright.errors import Forbidden, SystemFailure
from netwright.model.addressing import IPAddress, IPNetwork

REMEMBERED = 1 << 17
"""How many given-back addresses are kept in mind; of those forgotten, use begins anew only when all others are used.

More than a /16 has, so only in larger subnets is any forgotten, and there it rests for longer than that many others.
"""


class AddressSpace:
    """One subnet's addresses.

    Some are the network's own for as long as it lives: its network and broadcast address, its gateway, auxiliary ones.
    Others have a holder, and can be given back. `dynamic` is the part in which addresses are chosen.
    """

    def __init__(self, subnet: IPNetwork, dynamic: IPNetwork | None = None, *, remembered: int = REMEMBERED) -> None:
        self.subnet = subnet
        self.dynamic = dynamic or subnet
        self._own: dict[int, str] = {}
        self._holders: dict[int, str] = {}
        self._rested: OrderedDict[int, None] = OrderedDict()
        self._remembered = remembered
        self._start = int(self.dynamic.network_address)
        self._next = self._start
        self._end = int(self.dynamic.broadcast_address) + 1
        self._taken_in_range = 0
        for address, what in _unusable(subnet):
            self.keep(address, what)

    def keep(self, address: IPAddress, what: str) -> None:
        """Make an address the network's own for good. Raises SystemFailure where it is taken."""
        number = int(address)
        if self._is_taken(number):
            # Docker's status for it is 500, and clients look for that.
            raise SystemFailure(f"Address already in use: {address} is {self._own.get(number) or 'taken'}")
        self._mark(number)
        self._own[number] = what

    def keep_any(self, what: str) -> IPAddress | None:
        """Make the next free address of the dynamic part the network's own; None where all are taken."""
        number = self._take_next()
        if number is None:
            return None
        self._own[number] = what
        return self._address(number)

    def take(self, address: IPAddress, holder: str) -> None:
        """Take this address of the subnet. Raises Forbidden where it is taken; see `own` and `holder`."""
        number = int(address)
        if self._is_taken(number):
            raise Forbidden(f"Address already in use: {address}")
        self._mark(number)
        self._holders[number] = holder

    def take_any(self, holder: str) -> IPAddress | None:
        """Take the next free address of the dynamic part; None where all are taken."""
        number = self._take_next()
        if number is None:
            return None
        self._holders[number] = holder
        return self._address(number)

    def release(self, address: IPAddress) -> None:
        """Give an address back; content where nobody holds it. The network's own stay its own."""
        number = int(address)
        if self._holders.pop(number, None) is None:
            return
        if self._start <= number < self._end:
            self._taken_in_range -= 1
            self._rested[number] = None
            if len(self._rested) > self._remembered:
                self._rested.popitem(last=False)

    def own(self, address: IPAddress) -> str | None:
        """Return what an address is to the network itself, such as `the gateway`; None where it is not its own."""
        return self._own.get(int(address))

    def holder(self, address: IPAddress) -> str | None:
        """Return who holds an address; None where nobody does."""
        return self._holders.get(int(address))

    @property
    def taken(self) -> int:
        """How many addresses of the subnet are taken or are the network's own."""
        return len(self._holders) + len(self._own)

    @property
    def free(self) -> int:
        """How many addresses can still be chosen."""
        return self._end - self._start - self._taken_in_range

    def _take_next(self) -> int | None:
        if not self.free:
            return None
        number = next(self._unused(), None)
        if number is None and self._rested:
            number, _ = self._rested.popitem(last=False)
        if number is None:
            # All of a large range has been used, and of those given back some were forgotten.
            self._next = self._start
            number = next(self._unused())
        self._mark(number)
        return number

    def _unused(self) -> Iterator[int]:
        """Yield the addresses that were not used since the last beginning, each once and never again."""
        while self._next < self._end:
            number = self._next
            self._next += 1
            if not self._is_taken(number) and number not in self._rested:
                yield number

    def _is_taken(self, number: int) -> bool:
        return number in self._holders or number in self._own

    def _mark(self, number: int) -> None:
        self._rested.pop(number, None)
        if self._start <= number < self._end:
            self._taken_in_range += 1

    def _address(self, number: int) -> IPAddress:
        # A small number would be read as IPv4 by ip_address alone.
        return ip_address(number.to_bytes(self.subnet.max_prefixlen // 8, "big"))


def _unusable(subnet: IPNetwork) -> list[tuple[IPAddress, str]]:
    """Return the addresses that no host may have, and why; a /31 or /127 has none (RFC 3021, RFC 6164)."""
    if subnet.prefixlen >= subnet.max_prefixlen - 1:
        return []
    if subnet.version == 6:
        return [(subnet.network_address, "the subnet's anycast address")]
    return [(subnet.network_address, "the network address"), (subnet.broadcast_address, "the broadcast address")]
