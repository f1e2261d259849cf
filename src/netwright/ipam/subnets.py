"""Which subnets are held, and which one an automatic network gets. Pure.

The default pools are Docker's, in Docker's order, and after them 16,384 small ones: a machine runs out of memory before
it runs out of networks. IPv6 subnets come from a unique local prefix (RFC 4193) that is derived from the engine's id as
Docker derives it, so it stays the same for ever and differs between machines.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import islice

from netwright.errors import Forbidden, InvalidInput
from netwright.ipam.overlap import CATCH_ALL
from netwright.ipam.prefixes import PrefixTree
from netwright.model.addressing import IPNetwork

_NAMED = 5
"""How many of those who hold something an error names."""


@dataclass(frozen=True, slots=True)
class Source:
    """A range that is cut into subnets of one size."""

    base: IPNetwork
    size: int

    def __post_init__(self) -> None:
        if not self.base.prefixlen <= self.size <= self.base.max_prefixlen:
            raise InvalidInput(
                f"default address pool {self.base} has a smaller prefix (/{self.base.prefixlen}) than the target size "
                f"of that pool (/{self.size})"
            )


_DOCKER = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
)
DEFAULT_SOURCES = (
    *(Source(IPv4Network(base), size) for base, size in _DOCKER),
    Source(IPv4Network("10.64.0.0/10"), 24),
)


def unique_local_source(engine_id: str) -> Source:
    """Return the engine's own IPv6 range: a /48 out of fd00::/8, cut into /64."""
    global_id = int.from_bytes(hashlib.sha256(engine_id.encode()).digest()[:8], "big") & ((1 << 40) - 1)
    return Source(IPv6Network(((0xFD << 120) | (global_id << 80), 48)), 64)


def sources_with(given: Sequence[Source], engine_id: str) -> tuple[Source, ...]:
    """Return what the engine cuts subnets from: what the admin gave for a family, else the defaults.

    What is given goes by address, and a range within another is left out: both as Docker does it.
    """
    chosen: list[Source] = []
    for source in sorted(given, key=lambda source: (source.base.version, source.base)):
        if not chosen or not chosen[-1].base.overlaps(source.base):
            chosen.append(source)
    if not any(source.base.version == 4 for source in given):
        chosen.extend(DEFAULT_SOURCES)
    if not any(source.base.version == 6 for source in given):
        chosen.append(unique_local_source(engine_id))
    return tuple(chosen)


class SubnetSpace:
    """The subnets of all networks: none overlaps another."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {version: [s for s in sources if s.base.version == version] for version in (4, 6)}
        self._held = {4: PrefixTree(32), 6: PrefixTree(128)}

    def hold(self, subnet: IPNetwork, holder: str) -> None:
        """Take a subnet for a network. Raises Forbidden where it overlaps another's, which the error names."""
        tree = self._held[subnet.version]
        if (other := tree.overlapping(subnet)) is not None:
            raise Forbidden(
                "invalid pool request: Pool overlaps with other one on this address space: "
                f"{subnet} and {other.prefix} of network {other.holder}"
            )
        tree.hold(subnet, holder)

    def let_go(self, subnet: IPNetwork) -> None:
        """Give a subnet back; content where it is not held."""
        self._held[subnet.version].let_go(subnet)

    def choose(self, version: int, length: int, reserved: Iterable[IPNetwork], holder: str) -> IPNetwork:
        """Take the first free subnet for a network: of the sources' own sizes, or of a length if that is not 0.

        `reserved` are prefixes that it must not touch. Raises InvalidInput where there is none.
        """
        sources = self._sources[version]
        if length:
            sources = [replace(source, size=length) for source in sources if source.base.prefixlen <= length]
            if not sources:
                raise InvalidInput(self._too_large(version, length))
        blocked = _Blocked(network for network in reserved if network.version == version)
        for source in sources:
            if (found := self._first_free(source, blocked)) is not None:
                self._held[version].hold(found, holder)
                return found
        raise InvalidInput(self._exhausted(sources, blocked))

    def _first_free(self, source: Source, blocked: "_Blocked") -> IPNetwork | None:
        tree, bits = self._held[source.base.version], source.base.max_prefixlen
        start = int(source.base.network_address)
        while (first := tree.first_free(source.base, source.size, start)) is not None:
            clash = blocked.end_of_clash(first, first + (1 << (bits - source.size)))
            if clash is None:
                return ip_network((first.to_bytes(bits // 8, "big"), source.size))
            start = clash
        return None

    def _too_large(self, version: int, length: int) -> str:
        bases = ", ".join(str(source.base) for source in self._sources[version])
        return (
            f"invalid address pool: none of the address pools ({bases}) can hold a /{length}; ask for a smaller "
            "subnet, or name one with --subnet"
        )

    def _exhausted(self, sources: Sequence[Source], blocked: "_Blocked") -> str:
        pools = ", ".join(f"{source.base} ({self._holders(source, blocked)})" for source in sources)
        return (
            f"all predefined address pools have been fully subnetted: {pools}; give the engine more with "
            "--default-address-pool base=CIDR,size=N, or this network a subnet of its own with --subnet"
        )

    def _holders(self, source: Source, blocked: "_Blocked") -> str:
        """Return who holds a source: the first few of the networks, and what of the host lies there."""
        held = self._held[source.base.version].within(source.base)
        parts = [f"{one.prefix} by network {one.holder}" for one in islice(held, _NAMED)]
        if more := sum(1 for _ in held):
            parts.append(f"{more} more by other networks")
        parts.extend(
            f"{prefix} by a route or nameserver of the host" for prefix in blocked.within(source.base)[:_NAMED]
        )
        return ", ".join(parts)


class _Blocked:
    """Prefixes of one family that are not to be touched, to be asked for the first that is in the way."""

    def __init__(self, networks: Iterable[IPNetwork]) -> None:
        self._networks = [network for network in networks if network.prefixlen > CATCH_ALL]
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted((int(n.network_address), int(n.broadcast_address) + 1) for n in self._networks):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def end_of_clash(self, start: int, end: int) -> int | None:
        """Return where the last of what overlaps a range ends; None where nothing does."""
        before = bisect_right(self._starts, end - 1) - 1
        return self._ends[before] if before >= 0 and self._ends[before] > start else None

    def within(self, base: IPNetwork) -> list[IPNetwork]:
        """Return what overlaps a prefix."""
        return [network for network in self._networks if network.overlaps(base)]
