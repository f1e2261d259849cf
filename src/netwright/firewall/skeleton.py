"""The fixed part of the nftables backend: chains, rules, and the empty sets and maps that they look into.

Networks, endpoints and ports are never rules: they are elements (`firewall.elements`), so no order between them can
matter, and a change is an element more or less. Each rule says in its comment why it is there. What a packet meets, in
the order of the kernel's hooks:

    prerouting  -300   loopback addresses are not reached from a bridge (before connection tracking, so replies pass)
    prerouting  -150   container addresses are not reached directly (after tracking, so replies are known; before NAT)
    prerouting, output -110   only some may connect to some ports (`firewall.sources`)
    prerouting, output -100   published ports are translated
    input          0   internal networks do not reach this host
    forward        0   what may enter and leave the bridges
    postrouting  100   source addresses on the way out, and of neighbours that meet through the host

What stays inside a bridge is the business of the bridge family's table (`firewall.layer2`). Interface names are tested
on the side where they are always set: never `iifname` in postrouting, which br_netfilter leaves empty.
"""

# ruff: noqa: E501 - a rule is one line to nftables

from collections.abc import Collection

from netwright.firewall import metadata, sources
from netwright.firewall.api import FirewallSettings

_SETS = """
	set bridges { type ifname; }
	set internal { type ifname; }
	set hostless { type ifname; }
	set same { type ifname . ifname; }
	set loopback { type ipv4_addr . inet_proto . inet_service; }
	set loopbackrange { type ipv4_addr . inet_proto . inet_service; flags interval; }
"""

_FAMILY_SETS = """
	set own{v} {{ type {addr} . ifname; flags interval; }}
	set guarded{v} {{ type {addr}; flags interval; }}
	set trusted{v} {{ type ifname . {addr}; flags interval; }}
	set masqueraded{v} {{ type {addr}; flags interval; }}
	map source{v} {{ type {addr} : {addr}; flags interval; }}
	set unprotected{v} {{ type ifname; }}
	set routed{v} {{ type ifname; }}
	set open{v} {{ type {addr} . inet_proto . inet_service; }}
	set openrange{v} {{ type {addr} . inet_proto . inet_service; flags interval; }}
	map exact{v} {{ type {addr} . inet_proto . inet_service : {addr} . inet_service; }}
	map range{v} {{ type {addr} . inet_proto . inet_service : {addr}; flags interval; }}
	map any{v} {{ type inet_proto . inet_service : {addr} . inet_service; }}
	map anyrange{v} {{ type inet_proto . inet_service : {addr}; flags interval; }}
"""

_PUBLISHED = """
		meta nfproto {nf} meta l4proto {{ tcp, udp, sctp }} dnat {ip} to {ip} daddr . meta l4proto . th dport map @exact{v} comment "published on one address"
		meta nfproto {nf} meta l4proto {{ tcp, udp, sctp }} dnat {ip} to {ip} daddr . {proto} . th dport map @range{v} comment "range published on one address"
		meta nfproto {nf} meta l4proto {{ tcp, udp, sctp }} dnat {ip} to meta l4proto . th dport map @any{v} comment "published on every address"
		meta nfproto {nf} meta l4proto {{ tcp, udp, sctp }} dnat {ip} to {proto} . th dport map @anyrange{v} comment "range published on every address"
"""

_DIRECT = """
		iifname . {ip} daddr @trusted{v} accept comment "trusted interface"
		iifname != "lo" {ip} daddr @guarded{v} {ip} daddr . iifname != @own{v} fib daddr type != local drop comment "container addresses are not reached directly"
"""

_INWARD = """
		{ip} daddr . meta l4proto . th dport @open{v} accept comment "published port"
		{ip} daddr . {proto} . th dport @openrange{v} accept comment "published range"
		meta nfproto {nf} oifname @unprotected{v} accept comment "unprotected network"
		meta nfproto {nf} oifname @routed{v} meta l4proto {icmp} accept comment "routed network answers pings"
"""

_POSTROUTING = """
		ct status dnat {ip} saddr . oifname @own{v} masquerade comment "neighbours that meet through the host"
		{ip} saddr . oifname != @own{v} snat {ip} to {ip} saddr map @source{v} comment "source address chosen for the network"
		{ip} saddr . oifname != @own{v} {ip} saddr @masqueraded{v} masquerade comment "outgoing"
"""

_HOST = """	chain own-services {
		type filter hook input priority 0; policy accept;
		iifname @hostless goto from-internal
	}

	chain from-internal {
		ct state established,related accept comment "replies"
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept comment "finding each other"
		drop comment "internal networks do not reach this host"
	}

"""

# Sets of ranges compare bytes, and `meta l4proto` is a number in the host's order: kernels from 7 on refuse to turn a
# single byte around. So ranges look at the header's own field.
_NAMES = {
    4: {"v": "4", "addr": "ipv4_addr", "ip": "ip", "nf": "ipv4", "icmp": "icmp", "proto": "ip protocol"},
    6: {"v": "6", "addr": "ipv6_addr", "ip": "ip6", "nf": "ipv6", "icmp": "ipv6-icmp", "proto": "ip6 nexthdr"},
}


def _both(template: str) -> str:
    return "".join(template.format(**_NAMES[version]).strip("\n") + "\n" for version in (4, 6))


def inet_table(name: str, settings: FirewallSettings, named: Collection[str] = ()) -> str:
    """Return the table of the inet family; `named` are the sets of sources that an administrator has named."""
    relayed = '\t\tip daddr 127.0.0.0/8 return comment "served by the relay"\n' if settings.proxied else ""
    return f"""table inet {name} {{
{_SETS.strip(chr(10))}
{_both(_FAMILY_SETS)}{sources.declared(named)}
	chain loopback-guard {{
		type filter hook prerouting priority -300; policy accept;
		iifname @bridges ip daddr 127.0.0.0/8 drop comment "the host's loopback is not the containers'"
		iifname != "lo" ip daddr . meta l4proto . th dport @loopback drop comment "published on loopback only"
		iifname != "lo" ip daddr . ip protocol . th dport @loopbackrange drop comment "published on loopback only"
	}}

	chain direct-access {{
		type filter hook prerouting priority -150; policy accept;
		ct direction reply accept comment "replies"
{_both(_DIRECT)}	}}

{sources.chains(named)}
	chain from-outside {{
		type nat hook prerouting priority -100; policy accept;
		fib daddr type local jump published
	}}

	chain from-host {{
		type nat hook output priority -100; policy accept;
		fib daddr type local jump published
	}}

	chain published {{
{relayed}		ip6 daddr ::1 return comment "served by the relay: a reply to ::1 could not leave the bridge"
		ip6 saddr fe80::/10 return comment "link-local senders are served by the relay"
{_both(_PUBLISHED)}	}}

{_HOST}	chain forward {{
		type filter hook forward priority 0; policy accept;
		oifname @bridges goto inward
		iifname @bridges goto outward
	}}

	chain inward {{
		ct state established,related accept comment "replies"
		iifname . oifname @same accept comment "neighbours on one bridge"
		oifname @internal drop comment "internal networks hear only themselves"
		iifname @internal drop comment "internal networks speak only to themselves"
{_both(_INWARD)}		drop comment "unpublished ports are closed"
	}}

	chain outward {{
		iifname @internal drop comment "internal networks speak only to themselves"
		accept comment "outgoing"
	}}

{metadata.chain() if settings.deny_metadata else ""}	chain postrouting {{
		type nat hook postrouting priority 100; policy accept;
		ip saddr 127.0.0.0/8 oifname @bridges masquerade comment "the host's loopback is unknown in containers"
{_both(_POSTROUTING)}	}}
}}
"""


def guard_table(name: str, settings: FirewallSettings, named: Collection[str] = ()) -> str:
    """Return the table of the inet family that stands beside Docker's chains in iptables: what those lack."""
    return f"""table inet {name} {{
	set bridges {{ type ifname; }}
	set hostless {{ type ifname; }}
	set own4 {{ type ipv4_addr . ifname; flags interval; }}
	set own6 {{ type ipv6_addr . ifname; flags interval; }}
{sources.declared(named)}
	chain loopback-guard {{
		type filter hook prerouting priority -300; policy accept;
		iifname @bridges ip daddr 127.0.0.0/8 drop comment "the host's loopback is not the containers'"
	}}

{_HOST}{metadata.chain() if settings.deny_metadata else ""}{sources.chains(named)}}}
"""


_BESIDE = frozenset(("bridges", "hostless", "own4", "own6"))


def stands_beside(name: str) -> bool:
    """Tell whether a set is one of the table that stands beside Docker's chains."""
    return name in _BESIDE or sources.is_of_sources(name)
