"""Who may connect to a published port.

Written as a list of `any`, `host`, `lan`, addresses, prefixes and ranges, of both families together:

    any                                everybody, as Docker
    host                               programs of this host itself
    lan                                whoever is a neighbour on a network that this host is directly on
    203.0.113.7, 203.0.113.0/24        an address, a prefix
    203.0.113.10-203.0.113.40          a range
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_address, ip_network, summarize_address_range

from netwright.errors import InvalidInput
from netwright.model.addressing import IPNetwork

WORDS = "any, host, lan, addresses, prefixes and ranges of addresses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Who may connect: everybody, or those named; `networks` of a family never overlap."""

    any: bool = True
    host: bool = False
    lan: bool = False
    networks: tuple[IPNetwork, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Sources":
        """Read words, each of which may be a list with commas. Raises InvalidInput."""
        words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
        if not words:
            raise InvalidInput(f"nobody is named who may connect: name {WORDS}")
        if "any" in words:
            return EVERYBODY
        named = [network for word in words if word not in {"host", "lan"} for network in _networks(word)]
        return cls(any=False, host="host" in words, lan="lan" in words, networks=_collapsed(named))

    def __str__(self) -> str:
        if self.any:
            return "any"
        words = [word for word, on in (("host", self.host), ("lan", self.lan)) if on]
        return ", ".join((*words, *map(_shown, self.networks)))


EVERYBODY = Sources()


def _networks(word: str) -> list[IPNetwork]:
    first, dash, last = word.partition("-")
    try:
        if not dash:
            return [ip_network(word)]
        ends = ip_address(first.strip()), ip_address(last.strip())
        return list(summarize_address_range(*ends))
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{word!r} does not say who may connect: {error}; name {WORDS}") from None


def _collapsed(networks: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    found = list(networks)
    of4 = [network for network in found if network.version == 4]
    of6 = [network for network in found if network.version == 6]
    return (*collapse_addresses(of4), *collapse_addresses(of6))


def _shown(network: IPNetwork) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
