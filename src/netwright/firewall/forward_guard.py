"""The one table that all engines of a machine share: who may be forwarded where an engine made a router of the host.

An engine that switches IP forwarding on must keep the host from routing for strangers as it did not before. Another
engine's bridges are no strangers, and an engine cannot look into the tables of another: so all of them enter their
bridges into one set here, and whoever switched forwarding on puts the rule beside it. The last engine that is
uninstalled takes the table along (`controller.firewall.writer`).
"""

from netwright.firewall.api import FirewallSettings

TABLE = "netwright"
BRIDGES = "bridges"
"""The set of interface names in it."""
SAME = "same"
"""The set of pairs of one bridge of others and itself: with br_netfilter what stays inside of one is seen as forwarded.

On a machine that was no router before us its guests would lose each other, and the wire that they share with it.
"""


def commands(settings: FirewallSettings) -> list[str]:
    """Return the nft commands that see to the table and the set, and to the rules that are ours to make."""
    return [*opened(), *(line for version in guarded(settings) for line in _rule(version))]


def guarded(settings: FirewallSettings) -> list[int]:
    """Return the IP versions of which this engine has made a router of the host."""
    return [version for version, on in ((4, settings.guard_forwarding4), (6, settings.guard_forwarding6)) if on]


def opened() -> list[str]:
    """Return the nft commands that see to the table and the set; repeated, they change nothing."""
    return [
        f"add table inet {TABLE}",
        f"add set inet {TABLE} {BRIDGES} {{ type ifname; }}",
        f"add set inet {TABLE} {SAME} {{ type ifname . ifname; }}",
    ]


def chain(version: int) -> str:
    """Return the name of the chain that guards a family: engines may have switched different ones on."""
    return f"forward{version}"


def _rule(version: int) -> list[str]:
    where = f"inet {TABLE} {chain(version)}"
    strangers = f"meta nfproto ipv{version} iifname != @bridges oifname != @bridges iifname . oifname != @same"
    return [
        f"add chain {where} {{ type filter hook forward priority 0; policy accept; }}",
        f"flush chain {where}",
        f'add rule {where} {strangers} drop comment "forwarding is on for the bridges only"',
    ]
