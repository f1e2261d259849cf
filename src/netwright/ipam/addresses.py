"""The addresses of one pool: which are taken, by whom, and which comes next. Pure.

Addresses that were never handed out come first, in order; after them those that were given back, the one that has
rested longest first. So an address that was just freed, and that neighbours may still remember, is the last to be used
again, and every operation takes the same time however large or full the pool is: nothing is ever searched.
"""

from collections import OrderedDict
from ipaddress import ip_address

from netwright.errors import Forbidden
from netwright.model.addressing import IPAddress, IPNetwork

ENGINE = "netwright"
"""Who holds what belongs to the network itself: its own address, broadcast, gateway, auxiliary addresses."""


class AddressSpace:
    """One pool's addresses, as numbers inside."""

    def __init__(self, subnet: IPNetwork, dynamic: IPNetwork | None = None) -> None:
        self.subnet = subnet
        self.dynamic = dynamic or subnet
        self._holders: dict[int, str] = {}
        self._rested: OrderedDict[int, None] = OrderedDict()
        self._next = int(self.dynamic.network_address)
        self._end = int(self.dynamic.broadcast_address) + 1
        self._taken_in_range = 0
        for number in _unusable(subnet):
            self._hold(number, ENGINE)

    def take_any(self, holder: str) -> IPAddress | None:
        """Take the next free address of the dynamic range; None where all are taken."""
        while self._next < self._end:
            number = self._next
            self._next += 1
            if number not in self._holders:
                self._hold(number, holder)
                return self._address(number)
        if not self._rested:
            return None
        number, _ = self._rested.popitem(last=False)
        self._hold(number, holder)
        return self._address(number)

    def take(self, address: IPAddress, holder: str) -> None:
        """Take this address of the subnet. Raises Forbidden, naming the holder, where it is taken."""
        number = int(address)
        if (other := self._holders.get(number)) is not None:
            whose = "the network itself" if other == ENGINE else other
            raise Forbidden(f"Address already in use: {address} belongs to {whose}")
        self._rested.pop(number, None)
        self._hold(number, holder)

    def release(self, address: IPAddress) -> None:
        """Give an address back; content where it is free."""
        number = int(address)
        if self._holders.pop(number, None) is None:
            return
        if address in self.dynamic:
            self._taken_in_range -= 1
            if number < self._next:
                self._rested[number] = None

    def holder(self, address: IPAddress) -> str | None:
        """Return who has an address."""
        return self._holders.get(int(address))

    @property
    def taken(self) -> int:
        """How many addresses of the subnet are taken or cannot be used."""
        return len(self._holders)

    @property
    def free(self) -> int:
        """How many addresses can still be chosen dynamically."""
        return self.dynamic.num_addresses - self._taken_in_range

    def _hold(self, number: int, holder: str) -> None:
        self._holders[number] = holder
        if int(self.dynamic.network_address) <= number < self._end:
            self._taken_in_range += 1

    def _address(self, number: int) -> IPAddress:
        # A small number would be read as IPv4 by ip_address alone.
        return ip_address(number.to_bytes(self.subnet.max_prefixlen // 8, "big"))


def _unusable(subnet: IPNetwork) -> list[int]:
    """Return the addresses that no host may have: network and broadcast, or IPv6's subnet-router anycast."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if subnet.version == 6:
        return [first] if subnet.prefixlen < 127 else []
    return [first, last] if subnet.prefixlen <= 30 else []
