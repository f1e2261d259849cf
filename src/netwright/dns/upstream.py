"""Which servers are asked for other names, in which order and when. Pure: the clock is the caller's.

Servers are asked in the order of resolv.conf, because that order has a meaning (the first may know names that the
others do not), but nobody waits for a silent one: after a short while the next is asked beside it, and the first good
answer counts. A server that has failed goes to the end of the order for some time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netwright.dns import resolvconf
from netwright.dns.wire import NOERROR, NXDOMAIN, Response
from netwright.dns.zone import View

SERVERS = 3
"""How many are asked at most, as Docker does."""

PATIENCE = 0.4
"""Seconds after which the next server is asked beside a silent one."""

AGAIN = (1.5, 3.0)
"""Seconds after which all that are still silent are asked again, since datagrams get lost."""

DEADLINE = 8.0
"""Seconds after which a query has failed. Resolvers ask again after 5, and then find that it is under way."""

PENANCE = 15.0
"""Seconds for which a server that failed is asked after the others."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Servers to ask, and whose they are: `scope` is "" for the host's, asked from the host, else a sandbox."""

    servers: tuple[str, ...]
    scope: str = ""


def of_view(view: View, sandbox: str, host: resolvconf.ResolvConf) -> Upstream:
    """Return whom a sandbox may ask: its own servers from inside it; the host's where it can reach the outside."""
    if view.servers:
        own = tuple(server for server in view.servers if server != resolvconf.EMBEDDED)
        return Upstream(own[:SERVERS], sandbox)
    return Upstream(host.servers[:SERVERS] if view.egress else ())


class Health:
    """Which servers have failed lately."""

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], float] = {}

    def failed(self, scope: str, server: str, now: float) -> None:
        """Note a failure or a silence."""
        self._failed[scope, server] = now + PENANCE

    def answered(self, scope: str, server: str) -> None:
        """Note an answer."""
        self._failed.pop((scope, server), None)

    def forget(self, scopes: Iterable[str]) -> None:
        """Forget the servers of sandboxes that are gone."""
        gone = set(scopes)
        self._failed = {key: until for key, until in self._failed.items() if key[0] not in gone}

    def order(self, upstream: Upstream, now: float) -> Sequence[str]:
        """Return the servers in the order in which they are to be asked."""
        if not self._failed:
            return upstream.servers
        return sorted(upstream.servers, key=lambda server: self._failed.get((upstream.scope, server), 0.0) > now)


def is_final(response: Response) -> bool:
    """Tell whether an answer is passed on; after any other the next server is asked."""
    return response.rcode in {NOERROR, NXDOMAIN}
