"""Limits of the host that containers come near to: told before they bite. They are the administrator's to raise."""

from collections.abc import Sequence

from netwright.host.protocol import Host
from netwright.host.queries import Sysctl
from netwright.model.difference import Difference

NEIGHBOURS = "net/ipv4/neigh/default/gc_thresh3"
FLOWS, FLOWS_MAX = "net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max"

_NEAR = 0.8


async def near(host: Host, endpoints: int) -> Sequence[Difference]:
    """Return the limits of which a host with so many open endpoints has reached four fifths."""
    found = []
    neighbours = await _number(host, NEIGHBOURS)
    if neighbours and endpoints >= neighbours * _NEAR:
        what = f"it knows at most {neighbours} neighbours, and {endpoints} endpoints are open"
        found.append(_limit(what, NEIGHBOURS))
    flows, most = await _number(host, FLOWS), await _number(host, FLOWS_MAX)
    if most and flows >= most * _NEAR:
        what = f"it tracks {flows} of at most {most} connections, and will drop new ones"
        found.append(_limit(what, FLOWS_MAX))
    return found


async def _number(host: Host, key: str) -> int:
    """Return a switch that is a number; 0 where the kernel has no such key, as in some namespaces."""
    text = await host.ask(Sysctl(key))
    return int(text) if text and text.strip().isdigit() else 0


def _limit(what: str, key: str) -> Difference:
    return Difference(subject="the host", what=what, cure=f"raise {key.replace('/', '.')}")
