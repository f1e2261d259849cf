"""Which subnet an automatic network gets. Pure.

The default pools are Docker's, in Docker's order, and after them 16,384 small ones: a machine runs out of memory before
it runs out of networks. IPv6 subnets come from a unique local prefix (RFC 4193) that is derived from the engine's id as
Docker derives it, so it stays the same for ever and differs between machines.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from netwright.errors import InvalidInput
from netwright.model.addressing import IPNetwork

WIDEST = 1
"""Prefixes up to this length are default routes in disguise (a VPN's 0.0.0.0/1 and 128.0.0.0/1): they reserve none."""


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
    """Return what the engine cuts subnets from: what the admin gave for a family, else the defaults."""
    chosen: list[Source] = list(given)
    if not any(source.base.version == 4 for source in given):
        chosen.extend(DEFAULT_SOURCES)
    if not any(source.base.version == 6 for source in given):
        chosen.append(unique_local_source(engine_id))
    return tuple(chosen)


def first_free(sources: Iterable[Source], version: int, blocked: Iterable[IPNetwork]) -> IPNetwork | None:
    """Return the first subnet of a family that overlaps nothing blocked, or None."""
    starts, ends = _merged(network for network in blocked if network.version == version and network.prefixlen > WIDEST)
    for source in sources:
        if source.base.version == version and (found := _first_in(source, starts, ends)) is not None:
            return found
    return None


def first_free_of_length(
    sources: Iterable[Source], version: int, length: int, blocked: Iterable[IPNetwork]
) -> IPNetwork | None:
    """Return the first subnet of a wanted prefix length, or None. Raises InvalidInput where no source can hold one."""
    fitting = [Source(source.base, length) for source in sources if _holds(source, version, length)]
    if not fitting:
        raise InvalidInput("invalid address pool")
    return first_free(fitting, version, blocked)


def _holds(source: Source, version: int, length: int) -> bool:
    return source.base.version == version and source.base.prefixlen <= length <= source.base.max_prefixlen


def _merged(networks: Iterator[IPNetwork]) -> tuple[list[int], list[int]]:
    """Return starts and ends (exclusive) of the blocked ranges, merged and in order."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted((int(net.network_address), int(net.broadcast_address) + 1) for net in networks):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


def _first_in(source: Source, starts: Sequence[int], ends: Sequence[int]) -> IPNetwork | None:
    """Return the first free subnet of a source: from one blocked range to behind it, never subnet by subnet."""
    step = 1 << (source.base.max_prefixlen - source.size)
    candidate = int(source.base.network_address)
    last = int(source.base.broadcast_address) + 1
    while candidate + step <= last:
        # The last blocked range that begins before the candidate ends is the only one that can reach into it.
        before = bisect_right(starts, candidate + step - 1) - 1
        if before < 0 or ends[before] <= candidate:
            packed = candidate.to_bytes(source.base.max_prefixlen // 8, "big")
            return ip_network((packed, source.size))
        candidate = -(-ends[before] // step) * step
    return None
