"""The one table that all engines of a machine share: who may be forwarded where an engine made a router of the host.

An engine that switches IP forwarding on must keep the host from routing for strangers as it did not before. Another
engine's bridges are no strangers, and an engine cannot look into the tables of another: so all of them enter their
bridges into one set here, and whoever switched forwarding on puts the rule beside it. The last engine that is
uninstalled takes the table along (`controller.firewall`).
"""

from netwright.firewall.api import FirewallSettings

TABLE = "netwright"


def commands(settings: FirewallSettings) -> list[str]:
    """Return the nft commands that see to the table and the set, and to the rule where it is ours to make."""
    lines = [
        f"add table inet {TABLE}",
        f"add set inet {TABLE} bridges {{ type ifname; }}",
    ]
    guarded = [("ipv4", settings.guard_forwarding4), ("ipv6", settings.guard_forwarding6)]
    if any(on for _, on in guarded):
        chain = f"inet {TABLE} forward"
        reason = 'drop comment "forwarding is on for the bridges only"'
        lines += [
            f"add chain {chain} {{ type filter hook forward priority 0; policy accept; }}",
            f"flush chain {chain}",
        ]
        lines += [
            f"add rule {chain} meta nfproto {family} iifname != @bridges oifname != @bridges {reason}"
            for family, on in guarded
            if on
        ]
    return lines
