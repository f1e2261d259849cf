"""Which firewall backend this engine used last: another one cleans up what it has left."""

from collections.abc import Mapping
from dataclasses import dataclass

from netwright.errors import Conflict
from netwright.firewall.api import Backend
from netwright.host.protocol import Host
from netwright.host.queries import IptablesRules
from netwright.store.api import Put, Store

_ROW = "firewall"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInUse:
    """The backend whose rules may stand on this machine; written before the first of them is made."""

    id: str
    name: str


async def settle(store: Store, host: Host, wanted: str, backends: Mapping[str, Backend]) -> None:
    """Take away what another backend has left at an earlier start, and note which one is in use from now on.

    Raises Conflict where Docker's chains, which the iptables backend needs, are there and are not ours.
    """
    before = store.load(BackendInUse).get(_ROW)
    if before is not None and before.name == wanted:
        return
    if before is not None and (former := backends.get(before.name)) is not None:
        await host.do(former.uninstall({query: await host.ask(query) for query in former.wants}))
    if wanted == "iptables":
        await _refuse_foreign_chains(host)
    await store.commit([Put(_ROW, BackendInUse(id=_ROW, name=wanted))])


async def _refuse_foreign_chains(host: Host) -> None:
    listing = await host.ask(IptablesRules(4, "nat")) or ""
    if any(line.startswith(":DOCKER ") for line in listing.splitlines()):
        raise Conflict(
            "the chain DOCKER is in iptables already and is not ours: another engine uses it. Stop and uninstall that "
            "one, or let this one use --firewall-backend=nftables"
        )
