"""DOCKER-USER: the admin's own chain in iptables' filter table, honoured whatever renders our rules.

It is made where it is missing and FORWARD jumps to it first; it is never flushed. A drop in it is final in every
backend, because a packet must pass all tables; an accept in it ends only iptables' own walk.
"""

from collections.abc import Sequence

from netwright.firewall.api import Listings
from netwright.firewall.comparison import Difference, lacking_chain, of_iptables
from netwright.host.ops import IptablesTransaction, Op
from netwright.host.queries import IptablesRules

CHAIN = "DOCKER-USER"
JUMP = f"-A FORWARD -j {CHAIN}"
PROGRAMS = {4: "iptables", 6: "ip6tables"}
"""Who changes the tables of an IP version."""
WANTS = (IptablesRules(4, "filter"), IptablesRules(6, "filter"))


def ensure(found: Listings) -> Sequence[Op]:
    """Return what makes the chain and puts the jump to it first, where that is not so."""
    ops: list[Op] = []
    for query in WANTS:
        listing = found.get(query)
        if listing is None:
            continue
        lines = listing.splitlines()
        rules = [line for line in lines if line.startswith("-A FORWARD ")]
        wanted = []
        if not has_chain(lines, CHAIN):
            wanted.append(f"-N {CHAIN}")
        if rules[:1] != [JUMP]:
            if JUMP in rules:
                wanted.append(f"-D FORWARD -j {CHAIN}")
            wanted.append(f"-I FORWARD 1 -j {CHAIN}")
        if wanted:
            ops.append(_transaction(query, wanted))
    return ops


def compare(found: Listings) -> list[Difference]:
    """Return where the chain is missing, or the jump to it is not the first rule of FORWARD."""
    differences = []
    for query in WANTS:
        listing = found.get(query)
        if listing is None:
            continue
        program, lines = PROGRAMS[query.version], listing.splitlines()
        rules = [line for line in lines if line.startswith("-A FORWARD ")]
        if not has_chain(lines, CHAIN):
            differences.append(lacking_chain(program, query.table, CHAIN))
        elif rules[:1] != [JUMP]:
            differences += of_iptables(program, query.table, [(JUMP, True)], [line for line in rules if line == JUMP])
    return differences


def remove(found: Listings) -> Sequence[Op]:
    """Return what takes the jump and the chain away.

    A chain that the admin has filled stays, with the jump to it, and so does one that another engine leads to as well:
    Docker's has a chain DOCKER-FORWARD, which the nftables backend never makes.
    """
    ops: list[Op] = []
    for query in WANTS:
        lines = (found.get(query) or "").splitlines()
        if (
            has_chain(lines, CHAIN)
            and not has_chain(lines, "DOCKER-FORWARD")
            and not any(line.startswith(f"-A {CHAIN} ") for line in lines)
        ):
            jumps = [f"-D FORWARD -j {CHAIN}" for line in lines if line == JUMP]
            ops.append(_transaction(query, [*jumps, f"-X {CHAIN}"]))
    return ops


def has_chain(lines: Sequence[str], chain: str) -> bool:
    """Tell whether a listing of iptables-save has a chain."""
    return any(line.startswith(f":{chain} ") for line in lines)


def _transaction(query: IptablesRules, lines: Sequence[str]) -> IptablesTransaction:
    return IptablesTransaction(version=query.version, rules="\n".join(("*filter", *lines, "COMMIT", "")))
