"""Who may connect to a published port.

Written as a list of `any`, `host`, `lan`, addresses, prefixes, ranges and names of sets, of both families together:

    any                                everybody, as Docker
    host                               programs of this host itself
    lan                                whoever is a neighbour on a network that this host is directly on
    203.0.113.7, 203.0.113.0/24        an address, a prefix
    203.0.113.10-203.0.113.40          a range
    office                             whoever is in the set of that name
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network, summarize_address_range

from netwright.errors import InvalidInput
from netwright.model.addressing import IPNetwork
from netwright.model.names import Id

WORDS = "any, host, lan, addresses, prefixes and ranges of addresses, or a set of them by its name"
MEMBERS = "addresses, prefixes and ranges of addresses"

_RESERVED = frozenset(("any", "host", "lan"))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""Of a set: no address is written so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Who may connect: everybody, or those named; `networks` of a family never overlap, `sets` are names of sets."""

    any: bool = True
    host: bool = False
    lan: bool = False
    networks: tuple[IPNetwork, ...] = ()
    sets: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Sources":
        """Read words, each of which may be a list with commas. Raises InvalidInput."""
        words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
        if not words:
            raise InvalidInput(f"nobody is named who may connect: name {WORDS}")
        if "any" in words:
            return EVERYBODY
        others = [word for word in words if word not in _RESERVED]
        sets = {word for word in others if _NAME.fullmatch(word)}
        named = _collapsed(network for word in others if word not in sets for network in _networks(word, WORDS))
        return cls(any=False, host="host" in words, lan="lan" in words, networks=named, sets=tuple(sorted(sets)))

    def __str__(self) -> str:
        if self.any:
            return "any"
        words = [word for word, on in (("host", self.host), ("lan", self.lan)) if on]
        return ", ".join((*words, *self.sets, *map(_shown, self.networks)))


EVERYBODY = Sources()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet:
    """Addresses that an administrator has given a name; `networks` of a family never overlap.

    Ports that are published for the set follow every change of it.
    """

    name: str
    networks: tuple[IPNetwork, ...] = ()

    @property
    def id(self) -> Id:
        """What its row is known by: no id of anything else is as short."""
        return Id(self.name)

    @classmethod
    def named(cls, name: str, texts: Iterable[str]) -> "SourceSet":
        """Return a set of addresses, prefixes and ranges; none is nobody. Raises InvalidInput."""
        if _NAME.fullmatch(name) is None or name in _RESERVED:
            raise InvalidInput(
                f"{name!r} is no name for a set of sources: take a letter first, then up to 39 letters, digits, - and "
                "_, and none of any, host, lan"
            )
        return cls(name=name, networks=read_networks(texts))

    def changed(self, add: Iterable[IPNetwork], remove: Iterable[IPNetwork]) -> "SourceSet":
        """Return the set with some more, and without others, which may be parts of what is in it."""
        kept = list(self.networks)
        for gone in remove:
            kept = [rest for network in kept for rest in _without(network, gone)]
        return replace(self, networks=_collapsed([*kept, *add]))

    @property
    def networks4(self) -> tuple[IPv4Network, ...]:
        """Those of IPv4."""
        return tuple(network for network in self.networks if isinstance(network, IPv4Network))

    @property
    def networks6(self) -> tuple[IPv6Network, ...]:
        """Those of IPv6."""
        return tuple(network for network in self.networks if isinstance(network, IPv6Network))

    @property
    def members(self) -> tuple[str, ...]:
        """Its members as they are written."""
        return tuple(map(_shown, self.networks))


def read_networks(texts: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Read addresses, prefixes and ranges, each text one or a list with commas. Raises InvalidInput."""
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    return _collapsed(network for word in words for network in _networks(word, MEMBERS))


def _without(network: IPNetwork, gone: IPNetwork) -> Iterable[IPNetwork]:
    if network.version != gone.version or not network.overlaps(gone):
        return (network,)
    if isinstance(network, IPv4Network) and isinstance(gone, IPv4Network):
        return () if network.subnet_of(gone) else network.address_exclude(gone)
    assert isinstance(network, IPv6Network)
    assert isinstance(gone, IPv6Network)
    return () if network.subnet_of(gone) else network.address_exclude(gone)


def _networks(word: str, words: str) -> list[IPNetwork]:
    first, dash, last = word.partition("-")
    try:
        if not dash:
            return [ip_network(word)]
        ends = ip_address(first.strip()), ip_address(last.strip())
        return list(summarize_address_range(*ends))
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{word!r} does not say who may connect: {error}; name {words}") from None


def _collapsed(networks: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    found = list(networks)
    of4 = [network for network in found if network.version == 4]
    of6 = [network for network in found if network.version == 6]
    return (*collapse_addresses(of4), *collapse_addresses(of6))


def _shown(network: IPNetwork) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
