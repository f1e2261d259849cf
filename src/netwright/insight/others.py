"""Who else on this host may have a say in what becomes of a packet. Pure: from what the machine shows to sentences.

An accept of ours cannot lift a drop of somebody else: every table sees the packet. So an explanation names them.
"""

from collections.abc import Iterable, Mapping

SWITCHES = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
"""The sysctls without which a host forwards nothing of an IP version."""

DOCKER_USER = "DOCKER-USER"
_OWN_JUMPS = ("-j DOCKER-USER", "-j DOCKER-FORWARD")


def notes(*, tables: Iterable[str], filters: Mapping[int, str | None], sysctls: Mapping[str, str | None]) -> list[str]:
    """Return a sentence for each who may interfere.

    `tables` are the nftables tables of others, `filters` what iptables-save says of each family's filter table,
    `sysctls` the switches that forwarding needs, by key.
    """
    found = []
    for key, value in sysctls.items():
        if value is not None and value.strip() == "0":
            found.append(f"{key} is 0: this host forwards nothing; sysctl -w {key.replace('/', '.')}=1 lets it")
    for version, listing in filters.items():
        found.extend(_of_iptables("iptables" if version == 4 else "ip6tables", listing or ""))
    found.extend(_of_tables(tables))
    return found


def _of_iptables(program: str, listing: str) -> list[str]:
    lines = listing.splitlines()
    found = []
    if any(line.startswith(":FORWARD DROP") for line in lines):
        found.append(
            f"{program} drops what no rule of FORWARD accepts (its policy): containers need accepting rules there, "
            f"such as {program} -I {DOCKER_USER} -j ACCEPT for what is meant"
        )
    user = sum(line.startswith(f"-A {DOCKER_USER} ") for line in lines)
    if user:
        found.append(f"{program} has {_rules(user)} of the administrator in {DOCKER_USER}, and a drop there is final")
    foreign = sum(line.startswith("-A FORWARD ") and not line.endswith(_OWN_JUMPS) for line in lines)
    if foreign:
        found.append(f"{program} has {_rules(foreign)} of others in FORWARD: a drop there is final")
    return found


def _of_tables(tables: Iterable[str]) -> list[str]:
    found = []
    for table in sorted(tables):
        family, _, name = table.partition(" ")
        if name == "firewalld":
            found.append("firewalld is in force: its zones and policies see the packet, too")
        elif not (family in {"ip", "ip6"} and name in {"filter", "nat", "mangle", "raw", "security"}):
            found.append(f"the nftables table {table} of somebody else may have a say: nft list table {table}")
    return found


def _rules(count: int) -> str:
    return "a rule" if count == 1 else f"{count} rules"
