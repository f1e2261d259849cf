"""The engine's end of the resolver."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from netwright.dns.exchange import dump_members, dump_networks, dump_view, load_explanation
from netwright.dns.explain import Explanation
from netwright.dns.zone import Member, View
from netwright.kernel.companion.client import Companion, Kind
from netwright.kernel.resolver import packets
from netwright.kernel.resolver.board import Board

MEMBERS_AT_ONCE = NETWORKS_AT_ONCE = 100
"""How many endpoints or networks one packet carries."""


class ResolverClient(Companion):
    """A connection to a resolver. Sandboxes are keyed by the path of their namespace."""

    KIND = Kind("resolver", Path(__file__).with_name("__main__.py"), "names served")
    VERSION: ClassVar[int] = packets.VERSION
    _board: Board | None = None

    def open(self, key: str, view: View, descriptors: Sequence[int]) -> None:
        """Have a sandbox served; copies of the descriptors go there."""
        self.prepare(key, view)
        self._ask(f"open {key}\n{dump_view(_rest(view))}", descriptors)

    def view(self, key: str, view: View) -> None:
        """Let a sandbox see other names."""
        self.prepare(key, view)
        self._ask(seeing(key, view))

    def prepare(self, key: str, view: View) -> None:
        """Say ahead what of a view no packet has room for: needed before `seeing` where there are many networks."""
        for first in range(0, _said_ahead(view), NETWORKS_AT_ONCE):
            self._ask(f"ahead {key}\n{dump_networks(view.networks[first : first + NETWORKS_AT_ONCE])}")

    def shut(self, key: str) -> None:
        """Have a sandbox served no more; content if it is not."""
        self._ask(f"close {key}")

    def add(self, members: Sequence[Member]) -> None:
        """Have endpoints published."""
        for first in range(0, len(members), MEMBERS_AT_ONCE):
            self._ask(adding(members[first : first + MEMBERS_AT_ONCE]))

    def change(self, requests: Sequence[str]) -> None:
        """Put requests of `adding`, `removing` and `seeing`: queries that come from now on are answered by them."""
        self._tell(requests)
        if self._board is not None:
            self._board.say()

    def begin(self) -> None:
        """Let what follows fill a new zone."""
        self._ask("begin")

    def commit(self) -> None:
        """Let the new zone take the place of the old one."""
        self._ask("commit")

    def served(self) -> list[str]:
        """Return the keys of the sandboxes that are served."""
        return self._paged("list")

    def get(self, key: str) -> list[int]:
        """Return copies of a sandbox's descriptors, as they were given."""
        return self._ask_for(f"get {key}")

    def counts(self) -> list[str]:
        """Return a line for each sandbox: its key and its figures."""
        return self._paged("counts")

    def explain(self, key: str, name: str, kind: str) -> Explanation:
        """Return what a sandbox would be answered, and why."""
        return load_explanation(self._ask(f"explain {key}\n{name}\n{kind}")[1])

    def share_board(self) -> None:
        """Share the page that tells the kernel what still holds, where there is one."""
        for descriptor in self._ask_for("board"):
            self._board = Board(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the connection; nobody may be waiting."""
        super().close()
        if self._board is not None:
            self._board.close()
            self._board = None

    def listen(self, pipe: int) -> None:
        """Have what should be in the log written to a pipe."""
        self._ask("listen", [pipe])

    def retire(self) -> None:
        """Have everything let go of, once what is under way is answered."""
        self._ask("retire")

    def _paged(self, verb: str) -> list[str]:
        found: list[str] = []
        while True:
            lines = self._ask(f"{verb} {len(found)}")[1:]
            found.extend(lines)
            if len(lines) < packets.PAGE:
                return found


def adding(members: Sequence[Member]) -> str:
    """Return what has endpoints published."""
    return f"add\n{dump_members(members)}"


def removing(network: str, endpoint: str) -> str:
    """Return what has an endpoint forgotten; content if it is not known."""
    return f"remove {network} {endpoint}"


def seeing(key: str, view: View) -> str:
    """Return what lets a sandbox see other names."""
    return f"view {key}\n{dump_view(_rest(view))}"


def _said_ahead(view: View) -> int:
    """Return how many networks of a view are said before it."""
    return max(0, len(view.networks) - 1) // NETWORKS_AT_ONCE * NETWORKS_AT_ONCE


def _rest(view: View) -> View:
    ahead = _said_ahead(view)
    return replace(view, networks=view.networks[ahead:]) if ahead else view
