"""Who may see which name: the names on each network, and the view that each sandbox has of them. Pure.

The rules are Docker's (libnetwork's `Sandbox.ResolveName`): the whole name is looked for on each of the sandbox's
networks in turn, then `a.b` as `a` on the network `b`; links come before names; the first network that knows a name
answers for it alone. Beyond Docker: aliases with a star, and the names of the host.

Packed addresses (4 or 16 bytes) are used throughout: they are what goes into answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

WILDCARD = "*."

HOST = "host.docker.internal"
GATEWAY = "gateway.docker.internal"


def asked(name: str) -> str:
    """Return a name as `wire` shows the bytes that a program sends for it."""
    return name.rstrip(".").encode("utf-8", "surrogateescape").decode("latin-1")


def normal(name: str) -> str:
    """Return a name as it is compared: as it is asked, without regard of case."""
    return asked(name).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An endpoint on a network: its names, the first of which its addresses are called by, and its packed addresses."""

    network: str
    endpoint: str
    names: tuple[str, ...]
    addresses: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A network that a sandbox is on, and what `--link` calls others there (alias to name; aliases keep their case)."""

    id: str
    name: str
    links: Mapping[str, str] = field(default_factory=dict)
    suffix: str = field(init=False, compare=False)
    """What ends a name that is meant to be on this network, as names are compared."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "suffix", f".{normal(self.name)}")


def _length(joined: Joined) -> int:
    return len(joined.suffix)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a sandbox may ask. `networks` come in the order in which they are searched.

    `servers` are those to ask from the sandbox itself for all other names; where there are none the host's servers are
    asked from the host, if `egress` says that the sandbox may reach the outside at all. `host` and `gateway` are the
    addresses of the two names that are always known. `ndots` tells that names without a dot are not for upstream.
    `title` is what messages call the sandbox. `outside` tells that it is the host who asks (`dns.outside`).
    """

    networks: tuple[Joined, ...] = ()
    servers: tuple[str, ...] = ()
    egress: bool = True
    ndots: bool = False
    host: tuple[bytes, ...] = ()
    gateway: tuple[bytes, ...] = ()
    ttl: int = 5
    title: str = ""
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a name: its addresses, and how it came to be known, in words.

    `clash` names another network of the sandbox that knows the same name for another endpoint.
    """

    addresses: tuple[bytes, ...]
    where: str
    clash: str = ""


class Names:
    """The names on one network."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._named: dict[str, dict[str, Member]] = {}
        self._stars: dict[str, dict[str, Member]] = {}
        self._addressed: dict[bytes, Member] = {}

    def add(self, member: Member) -> None:
        """Publish an endpoint, in place of what was known of it."""
        self.remove(member.endpoint)
        self.members[member.endpoint] = member
        for table, key in self._keys(member):
            table.setdefault(key, {})[member.endpoint] = member
        if member.names:
            for address in member.addresses:
                self._addressed[address] = member

    def remove(self, endpoint: str) -> None:
        """Forget an endpoint; content where it is not known."""
        member = self.members.pop(endpoint, None)
        if member is None:
            return
        for table, key in self._keys(member):
            table[key].pop(endpoint, None)
            if not table[key]:
                del table[key]
        for address in member.addresses:
            if self._addressed.get(address) is member:
                del self._addressed[address]

    def _keys(self, member: Member) -> Iterator[tuple[dict[str, dict[str, Member]], str]]:
        for name in dict.fromkeys(map(normal, member.names)):
            if name.startswith(WILDCARD):
                yield self._stars, name.removeprefix(WILDCARD)
            else:
                yield self._named, name

    def exact(self, name: str) -> tuple[Member, ...]:
        """Return the endpoints of this (normal) name."""
        named = self._named.get(name)
        return () if named is None else tuple(named.values())

    def starred(self, name: str) -> tuple[Member, ...]:
        """Return the endpoints whose alias with a star covers this (normal) name; the longest such alias counts."""
        if self._stars:
            for suffix in _suffixes(name):
                if suffix in self._stars:
                    return tuple(self._stars[suffix].values())
        return ()

    def called(self, address: bytes) -> str | None:
        """Return what an address is called."""
        member = self._addressed.get(address)
        return None if member is None else member.names[0]


def _suffixes(name: str) -> Iterator[str]:
    """Yield what follows each dot of a name, longest first."""
    _, dot, rest = name.partition(".")
    while dot:
        yield rest
        _, dot, rest = rest.partition(".")


_NOBODY = Names()
"""The names on a network where nobody has one."""


class Zone:
    """All names of an engine, and all views."""

    def __init__(self) -> None:
        self._networks: dict[str, Names] = {}
        self.views: dict[str, View] = {}

    def network(self, identity: str) -> Names:
        """Return the names on a network, to be read; of one without names an empty table."""
        return self._networks.get(identity, _NOBODY)

    def add(self, member: Member) -> None:
        """Publish an endpoint."""
        self._networks.setdefault(member.network, Names()).add(member)

    def remove(self, network: str, endpoint: str) -> None:
        """Forget an endpoint, and a network with its last."""
        names = self._networks.get(network)
        if names is not None:
            names.remove(endpoint)
            if not names.members:
                del self._networks[network]

    def members(self) -> Iterable[Member]:
        """Return all endpoints that are published."""
        return [member for names in self._networks.values() for member in names.members.values()]

    def find(self, view: View, name: str) -> Found | None:
        """Return what a sandbox is told of a name as it was asked, or None where it is not one of ours."""
        wanted = name.lower()
        return self._exact(view, name, wanted) or self._starred(view, wanted) or _always(view, wanted)

    def _exact(self, view: View, name: str, wanted: str) -> Found | None:
        """Look for the whole name everywhere, then for each shorter one on the network that the rest of it names."""
        found = self._on_any(view.networks, name, wanted)
        if found is not None:
            return found
        if "." not in wanted:
            return None
        for item in ending(view.networks, wanted):
            cut = len(item.suffix)
            found = self._on_any((item,), name[:-cut], wanted[:-cut])
            if found is not None:
                return found
        return None

    def _on_any(self, networks: Sequence[Joined], name: str, wanted: str) -> Found | None:
        found: Found | None = None
        for item in networks:
            members, how = self._on(item, name, wanted)
            if not members:
                continue
            addresses = tuple(dict.fromkeys(address for member in members for address in member.addresses))
            if found is None:
                found = Found(addresses, f"{how} on network {item.name}")
            elif not set(addresses) <= set(found.addresses):
                return Found(found.addresses, found.where, clash=item.name)
        return found

    def _on(self, item: Joined, name: str, wanted: str) -> tuple[tuple[Member, ...], str]:
        names = self.network(item.id)
        if (target := item.links.get(name)) is not None:
            linked = names.exact(normal(target))
            if linked:
                return linked, f"a link to {target}"
        members = names.exact(wanted)
        return members, f"a name of {len(members)} endpoints" if len(members) > 1 else "a name"

    def _starred(self, view: View, wanted: str) -> Found | None:
        for item in view.networks:
            members = self.network(item.id).starred(wanted)
            if members:
                addresses = tuple(dict.fromkeys(address for member in members for address in member.addresses))
                return Found(addresses, f"an alias with a star on network {item.name}")
        return None

    def find_anywhere(self, view: View, wanted: str) -> Found | None:
        """Return what a (normal) name means to whoever is on all networks alike.

        It clashes where it is the name of different containers on two of them.
        """
        found: Found | None = None
        owners: set[str] = set()
        for item in view.networks:
            names = self.network(item.id)
            members = names.exact(wanted) or names.starred(wanted)
            if not members:
                continue
            if found is None:
                found, owners = _found(members, item), {member.names[0] for member in members}
            elif owners != {member.names[0] for member in members}:
                return replace(found, clash=item.name)
        return found

    def find_on(self, item: Joined, wanted: str) -> Found | None:
        """Return what a (normal) name means on one network."""
        names = self.network(item.id)
        members = names.exact(wanted) or names.starred(wanted)
        return _found(members, item) if members else None

    def reverse(self, view: View, address: bytes) -> str | None:
        """Return the full name of an address on one of the sandbox's networks."""
        for item in view.networks:
            name = self.network(item.id).called(address)
            if name is not None:
                return f"{name}.{item.name}"
        return None


def ending(networks: Iterable[Joined], wanted: str) -> list[Joined]:
    """Return the networks whose name ends a (normal) name: the shortest first, as in Docker, and mostly none."""
    return sorted([item for item in networks if wanted.endswith(item.suffix)], key=_length)


def _found(members: Iterable[Member], item: Joined) -> Found:
    addresses = tuple(dict.fromkeys(address for member in members for address in member.addresses))
    return Found(addresses, f"a name on network {item.name}")


def _always(view: View, wanted: str) -> Found | None:
    """Return what is known of the host's two names; where there is no address to tell they are not known."""
    if wanted == HOST and view.host:
        return Found(view.host, "the host, as every sandbox knows it")
    if wanted == GATEWAY and view.gateway:
        return Found(view.gateway, "the way out of the sandbox")
    return None
