"""What a firewall backend is: a pure renderer of intents into operations."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from netwright.firewall.comparison import Difference
from netwright.firewall.intent import Intent
from netwright.host.notices import Place
from netwright.host.ops import NftTransaction, Op
from netwright.host.queries import IptablesRules


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallSettings:
    """What of the daemon's options concerns the firewall.

    `instance` marks the tables as those of one engine. `guard_forwarding` is set where the engine itself turned IP
    forwarding on: packets between foreign interfaces are then dropped, as before. `proxied` says that 127.0.0.1 and
    ::1 are served by the relay instead of by address translation (Docker's userland proxy). `deny_metadata` keeps the
    metadata services of clouds from containers.
    """

    instance: str
    ipv4: bool = True
    ipv6: bool = True
    guard_forwarding4: bool = False
    guard_forwarding6: bool = False
    proxied: bool = False
    docker_user: bool = True
    deny_metadata: bool = False


Listings = Mapping[IptablesRules, str | None]
"""What iptables-save says of each table asked for; None where iptables is not installed."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What others have changed. Without places it is not known what: anything may have been."""

    places: frozenset[Place] | None = None

    def touches(self, table: str, *names: str) -> bool:
        """Tell whether a table was changed; with names, whether one of these in it was, or the table as a whole."""
        if self.places is None:
            return True
        return any(place.table == table and (not names or place.name in {"", *names}) for place in self.places)

    def loses(self, table: str) -> bool:
        """Tell whether something of a table may be gone."""
        return self.places is None or any(place.table == table and place.lost for place in self.places)


class Backend(Protocol):
    """One way to make intents true. No method does anything: all return what is to be done.

    **Whose intents go together.** Two intents may want one rule: two host ports that lead to one container's port, both
    families of a network on one bridge. So a change names all intents that an owner (a network; the endpoints of a
    sandbox) had, and all that it is to have; what both want is left alone. Different owners never share a rule.

    **Sysctls**, which are the drivers' to set, in the order in which they may be set:

    1. `net/ipv4/ip_forward` and `net/ipv6/conf/all/forwarding`, 1, only after `install` with `guard_forwarding*` where
       they were 0: else the host is a router for everybody in between.
    2. `net/ipv4/conf/<bridge>/route_localnet`, 1, where 127.0.0.1 is served by translation (`proxied` False), only
       after the bridge's NetworkIntent is in force: until then nothing keeps containers from the services that the host
       keeps for itself on 127.0.0.1. Never on `all` or `default`. Going back: first the sysctl (the bridge's end takes
       it along), then the intent.
    3. `net/bridge/bridge-nf-call-iptables` and `net/bridge/bridge-nf-call-ip6tables`, 1, for the iptables backend
       without proxy alone: Docker's rules translate nothing back between neighbours that meet through the host, so
       iptables must see bridged packets (Docker sets them too). The nftables backend works with both values. They are
       optional: without br_netfilter they do not exist.

    Ports of a bridge need hairpin mode (`IFLA_BRPORT_MODE`), or a container does not reach its own published port where
    bridged packets are filtered.
    """

    name: ClassVar[str]

    @property
    def wants(self) -> Sequence[IptablesRules]:
        """The listings that `install` and `uninstall` need: shared chains can only be changed by who has read them."""

    def install(self, intents: Collection[Intent], found: Listings) -> Sequence[Op]:
        """Return what makes exactly these intents true, whatever stood there of ours before."""

    def consults(self, *, add: Collection[Intent], remove: Collection[Intent]) -> Sequence[IptablesRules]:
        """Return the listings that make a change of this size cheaper: none for nearly all."""

    def change(
        self, *, add: Collection[Intent], remove: Collection[Intent], found: Listings | None = None
    ) -> Sequence[Op]:
        """Return the least that adds and removes these; each operation knows its inverse.

        `found` are the listings that `consults` names. Whoever passes them holds off all other changes from the time
        when they were asked for until the operations are done; without them the change is right as well, only slower.
        """

    @property
    def tables(self) -> Sequence[str]:
        """The nftables tables that must be there, as `family name`."""

    def examines(self, damage: Damage) -> Sequence[IptablesRules]:
        """Return the listings that tell what is left of ours after a damage."""

    def heal(self, damage: Damage, wanted: Callable[[], Collection[Intent]], found: Listings) -> Sequence[Op]:
        """Return what puts back what of ours is not as it should be; nothing where the damage is not ours.

        `wanted` returns all intents, and is asked only where they are needed; `found` is what `examines` names.
        """

    def whole(self, intents: Collection[Intent]) -> NftTransaction:
        """Return what makes our nftables tables for exactly these intents, whatever stood there of ours before."""

    def compare(self, intents: Collection[Intent], found: Listings) -> Sequence[Difference]:
        """Return what of ours in iptables is not as it should be; `found` is what `wants` names."""

    def declare(self, before: Collection[str], after: Collection[str]) -> Sequence[Op]:
        """Return what has other sets of sources be named than before; it knows its inverse.

        Sets must be there before any intent speaks of them, and may go when none does any more.
        """

    def uninstall(self, found: Listings) -> Sequence[Op]:
        """Return what removes everything of ours and nothing else; content with what is gone already."""
