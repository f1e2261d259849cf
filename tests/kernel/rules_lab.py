"""What a firewall's backend asks for, carried out without an engine."""

from collections.abc import Sequence

from netwright.firewall.api import Backend, Listings
from netwright.host.ops import ChangeElements, IptablesTransaction, NftTransaction, Op
from netwright.kernel import iptables
from netwright.kernel.nft import Nft
from netwright.kernel.nft_elements import NftElements


def do(ops: Sequence[Op]) -> None:
    """Carry out what a backend asks for, where this thread is."""
    nft, elements = Nft(), NftElements()
    for op in ops:
        match op:
            case NftTransaction():
                nft.run(op.commands)
            case ChangeElements():
                elements.run(op.changes)
            case IptablesTransaction():
                iptables.restore(op.version, op.rules)
    elements.close()


def found(backend: Backend) -> Listings:
    """Return the listings that a backend wants to know."""
    return {query: iptables.save(query.version, query.table) for query in backend.wants}
