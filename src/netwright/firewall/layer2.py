"""The table of the bridge family: who may say what inside a bridge.

It belongs to every backend. What the inet family (and iptables) sees of traffic between two ports of one bridge depends
on a sysctl, bridge-nf-call-iptables, that is not ours; this table sees it always. The kernel offers neither connection
tracking nor the bridge's name here, so its rules are without memory and know ports by their names.

A port's frames are checked where they enter (prerouting), before br_netfilter could translate them. Neighbours that
keep apart (`icc=false`) need two looks: what one sends to the other's own address is dropped where it enters; what
the host has led there, because it was sent to a published port, carries the same address when it leaves (forward) and is
let through. Whatever else would go from one to the other (other protocols, multicast) is dropped there. Finding each other
(ARP, neighbour discovery) stays possible: duplicate addresses are noticed, linked containers meet.
"""

# ruff: noqa: E501 - a rule is one line to nftables


def bridge_table(name: str) -> str:
    """Return the fixed part of the table, its sets empty."""
    return f"""table bridge {name} {{
	set ports {{ type ifname; }}
	set macs {{ type ifname . ether_addr; }}
	set senders4 {{ type ifname . ipv4_addr; }}
	set senders6 {{ type ifname . ipv6_addr; }}
	set targets6 {{ typeof iifname . @th,64,128; }}
	set alone {{ type ifname; }}
	set apart4 {{ type ipv4_addr; }}
	set apart6 {{ type ipv6_addr; }}
	set links4 {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service; }}
	set links6 {{ type ipv6_addr . ipv6_addr . inet_proto . inet_service; }}

	chain entrance {{
		type filter hook prerouting priority -300; policy accept;
		iifname @ports goto senders
	}}

	chain senders {{
		iifname . ether saddr != @macs drop comment "a sender's MAC address is its own"
		ether type {{ 8021q, 8021ad }} drop comment "a tag would hide what is inside from these rules"
		ether type vmap {{ ip : goto senders-v4, arp : goto senders-arp, ip6 : goto senders-v6 }}
	}}

	chain senders-v4 {{
		udp sport 67 drop comment "containers are no DHCP servers"
		ip saddr 0.0.0.0 udp dport 67 accept comment "asks for an address"
		iifname . ip saddr != @senders4 drop comment "a sender's address is its own"
		iifname @alone goto alone-v4
	}}

	chain senders-arp {{
		iifname . arp saddr ether != @macs drop comment "a sender's MAC address is its own"
		arp saddr ip 0.0.0.0 accept comment "probes whether an address is free"
		iifname . arp saddr ip != @senders4 drop comment "a sender's address is its own"
	}}

	chain senders-v6 {{
		icmpv6 type {{ nd-router-advert, nd-redirect }} drop comment "containers are no routers"
		udp sport 547 drop comment "containers are no DHCP servers"
		icmpv6 type nd-neighbor-advert @th,64,10 != 0x3fa iifname . @th,64,128 != @targets6 drop comment "advertises its own address only"
		ip6 saddr != {{ ::, fe80::/10 }} iifname . ip6 saddr != @senders6 drop comment "a sender's address is its own"
		iifname @alone goto alone-v6
	}}

	chain alone-v4 {{
		ip saddr . ip daddr . meta l4proto . th dport @links4 accept comment "linked"
		ip daddr . ip saddr . meta l4proto . th sport @links4 accept comment "answers a link"
		ip daddr @apart4 drop comment "neighbours keep apart"
	}}

	chain alone-v6 {{
		icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept comment "neighbour discovery"
		ip6 saddr . ip6 daddr . meta l4proto . th dport @links6 accept comment "linked"
		ip6 daddr . ip6 saddr . meta l4proto . th sport @links6 accept comment "answers a link"
		ip6 daddr @apart6 drop comment "neighbours keep apart"
	}}

	chain crossing {{
		type filter hook forward priority 0; policy accept;
		iifname @alone oifname @alone goto apart
	}}

	chain apart {{
		ether type arp accept comment "finding each other"
		icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept comment "finding each other"
		ip daddr @apart4 accept comment "linked, or led here by the host"
		ip6 daddr @apart6 accept comment "linked, or led here by the host"
		drop comment "neighbours keep apart"
	}}
}}
"""
