"""Everything that can be asked of the machine without changing it, as frozen values that name their answer."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

from msgspec import Struct

from netwright.dns.explain import Explanation
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork, Mac
from netwright.model.ports import Protocol

T_co = TypeVar("T_co", covariant=True)


class Query(Struct, Generic[T_co], frozen=True):
    """One question to the machine, answered by a T_co."""


class Link(Struct, frozen=True, kw_only=True):
    """A network interface as the kernel shows it."""

    index: int
    name: str
    kind: str
    mac: Mac | None
    mtu: int
    group: int
    up: bool
    master: int
    peer_netns: int | None
    addresses: tuple[IPInterface, ...] = ()


class Route(Struct, frozen=True, kw_only=True):
    """A route of a main table; `destination` of length 0 is a default route."""

    destination: IPNetwork
    gateway: IPAddress | None
    link: str
    on_link: bool


class Links(Query[tuple[Link, ...]], frozen=True):
    """All interfaces with their addresses, of the engine's namespace or a pinned one."""

    netns: str | None = None


class LinkNamed(Query[Link | None], frozen=True):
    """The interface of the engine's namespace with this name, with its addresses."""

    name: str


class Routes(Query[tuple[Route, ...]], frozen=True):
    """All unicast routes of the main table, both families, but for those through links that are left out."""

    netns: str | None = None
    but_through: AbstractSet[str] = frozenset()


class Sysctl(Query[str | None], frozen=True):
    """The value of a sysctl, or None where the kernel has no such key."""

    key: str
    netns: str | None = None


class Namespaces(Query[tuple[str, ...]], frozen=True):
    """The paths below a directory at which a network namespace is pinned."""

    directory: str


class Mounts(Query[tuple[str, ...]], frozen=True):
    """The mount points below a directory, outermost first."""

    directory: str


class HeldPort(Struct, frozen=True, kw_only=True):
    """A port that the engine's keeper has bound."""

    protocol: Protocol
    address: IPAddress
    port: int


class HeldPorts(Query[tuple[HeldPort, ...]], frozen=True):
    """The ports that are held now."""


class ProxiedNeighbour(Struct, frozen=True, kw_only=True):
    """An IPv6 address that an engine has this host answer for on a link."""

    link: str
    address: IPAddress


class ProxiedNeighbours(Query[tuple[ProxiedNeighbour, ...]], frozen=True):
    """The addresses that engines have this host answer for; not those of the admin."""


class NamesServed(Query[tuple[str, ...]], frozen=True):
    """Where names are answered: paths of namespaces that are pinned below a directory, and the place of the host."""

    directory: str


class ExplainName(Query[Explanation], frozen=True, kw_only=True):
    """What a program in a served namespace would be answered for a name and a type such as `A`, and why.

    Fails where names are not answered there, or the name cannot be one.
    """

    netns: str
    name: str
    kind: str


class NameCounts(Struct, frozen=True, kw_only=True):
    """What has happened in a namespace since its names are answered.

    The kernel has answered `in_kernel` of its queries by itself; `forwards` went to servers, which took `seconds` in
    all; `cached` are answers that servers had given before. `failures` could not be answered, `refused`
    were too many at once, `malformed` were no queries.
    """

    netns: str
    queries: int = 0
    in_kernel: int = 0
    forwards: int = 0
    cached: int = 0
    failures: int = 0
    refused: int = 0
    malformed: int = 0
    seconds: float = 0.0


class NamesCounted(Query[tuple[NameCounts, ...]], frozen=True):
    """What has happened in the served namespaces that are pinned below a directory."""

    directory: str


class NftTables(Query[tuple[str, ...]], frozen=True):
    """Names of the nftables tables, each as `family name`."""


class NftNames(Query[tuple[str, ...]], frozen=True):
    """The interface names in an nftables set, the first of each pair; none where there is no such table."""

    family: str
    table: str
    set: str


class NftListings(Query[Mapping[str, str]], frozen=True):
    """What `nft list table` prints of each of these tables (`family name`) that is there.

    With `made_by` it is what the same kernel and library would print in a network namespace where nothing was before
    these commands: what is written can be compared with what stands only in the words of the one who prints it.
    """

    tables: tuple[str, ...]
    made_by: str | None = None


class IptablesRules(Query[str | None], frozen=True):
    """The text of iptables-save (version 4) or ip6tables-save (6) for a table; None where iptables is not installed."""

    version: int
    table: str


class ReadFile(Query[str | None], frozen=True):
    """The text of a file, or None where there is none: resolv.conf, hosts and the like."""

    path: str


class HasIPv6(Query[bool], frozen=True):
    """Whether a socket can be bound to ::1 here."""
