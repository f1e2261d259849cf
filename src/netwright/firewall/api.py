"""What a firewall backend is: a pure renderer of intents into operations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from netwright.firewall.intent import Intent
from netwright.host.ops import Op
from netwright.host.queries import IptablesRules


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallSettings:
    """What of the daemon's options concerns the firewall.

    `instance` marks the tables as those of one engine. `guard_forwarding` is set where the engine itself turned IP
    forwarding on: packets between foreign interfaces are then dropped, as before. `proxied` says that 127.0.0.1 and
    ::1 are served by the relay instead of by address translation (Docker's userland proxy).
    """

    instance: str
    ipv4: bool = True
    ipv6: bool = True
    guard_forwarding4: bool = False
    guard_forwarding6: bool = False
    proxied: bool = False
    docker_user: bool = True


Listings = Mapping[IptablesRules, str | None]
"""What iptables-save says of each table asked for; None where iptables is not installed."""


class Backend(Protocol):
    """One way to make intents true. No method does anything: all return what is to be done.

    A bridge's `route_localnet` may be set only after its NetworkIntent is in force: until then nothing keeps containers
    from the services that the host keeps for itself on 127.0.0.1 (the bridge driver does it in `open_network`).
    """

    name: ClassVar[str]

    @property
    def wants(self) -> Sequence[IptablesRules]:
        """The listings that `install` and `uninstall` need: shared chains can only be changed by who has read them."""

    def install(self, intents: Collection[Intent], found: Listings) -> Sequence[Op]:
        """Return what makes exactly these intents true, whatever stood there of ours before."""

    def change(self, *, add: Collection[Intent], remove: Collection[Intent]) -> Sequence[Op]:
        """Return the least that adds and removes these; each operation knows its inverse."""

    def uninstall(self, found: Listings) -> Sequence[Op]:
        """Return what removes everything of ours and nothing else; content with what is gone already."""
