"""What a firewall backend is: a pure renderer of intents into operations."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from netwright.firewall.intent import Intent
from netwright.host.ops import Op


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


class Backend(Protocol):
    """One way to make intents true. No method does anything: all return what is to be done."""

    name: ClassVar[str]

    def install(self, intents: Collection[Intent]) -> Sequence[Op]:
        """Return what makes exactly these intents true, whatever stood there of ours before, in one transaction."""

    def change(
        self, *, add: Collection[Intent], remove: Collection[Intent], present: Collection[Intent]
    ) -> Sequence[Op]:
        """Return the least that adds and removes these; `present` are those that stand after it."""

    def uninstall(self) -> Sequence[Op]:
        """Return what removes everything of ours and nothing else; content with what is gone already."""
