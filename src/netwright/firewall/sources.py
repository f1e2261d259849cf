"""Who may connect to which published port, in nftables: a fixed part for both backends, and its elements.

The question is answered before anything else is done with a packet: before addresses are translated, and before a relay
could accept the connection. Connections that stand are not asked again. What comes from this host itself is asked where
it leaves (it never passes the way in), and refused with a word instead of silence.

A set of sources that the administrator has named is a set here too, and so are the ports that name it: whoever is added
to the one is let in to all of the others at once. So a named set is a few sets and rules (`declaration`), and what is
in it, and which ports name it, are elements as everything else.
"""

# ruff: noqa: E501 - a rule is one line to nftables

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from netwright.firewall.element import Element, element, runs
from netwright.firewall.intent import SourcesIntent
from netwright.host.elements import Part, Ports
from netwright.host.ops import NftTransaction
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol
from netwright.model.sources import Sources

_SETS = """
	set limited{v} {{ type {addr} . inet_proto . inet_service; flags interval; }}
	set limitedany{v} {{ type inet_proto . inet_service; flags interval; }}
	set limitedrouted{v} {{ type {addr} . inet_proto . inet_service; flags interval; }}
	set may{v} {{ type {addr} . inet_proto . inet_service . {addr}; flags interval; }}
	set mayany{v} {{ type inet_proto . inet_service . {addr}; flags interval; }}
	set lan{v} {{ type {addr}; flags interval; }}
	set lanmay{v} {{ type {addr} . inet_proto . inet_service; flags interval; }}
	set lanmayany{v} {{ type inet_proto . inet_service; flags interval; }}
	set nothost{v} {{ type {addr} . inet_proto . inet_service; flags interval; }}
	set nothostany{v} {{ type inet_proto . inet_service; flags interval; }}
"""

_WAY_IN = """
		{ip} daddr . {proto} . th dport @limited{v} goto named-sources-v{v}
		{proto} . th dport @limitedany{v} fib daddr type local goto any-sources-v{v}
		{ip} daddr . {proto} . th dport @limitedrouted{v} {ip} daddr . iifname != @own{v} goto named-sources-v{v}
"""

_WAY_OUT = """
		{ip} daddr . {proto} . th dport @nothost{v} goto not-this-host
		{proto} . th dport @nothostany{v} fib daddr type local goto not-this-host
"""

_NAMED_SETS = """
	set members{v}.{name} {{ type {addr}; flags interval; }}
	set ports{v}.{name} {{ type {addr} . inet_proto . inet_service; flags interval; }}
	set anyports{v}.{name} {{ type inet_proto . inet_service; flags interval; }}
"""

_NAMED_RULES = {
    "sets-v{v}": '{ip} saddr @members{v}.{name} {ip} daddr . {proto} . th dport @ports{v}.{name} accept comment "in the set {name}"',
    "any-sets-v{v}": '{ip} saddr @members{v}.{name} {proto} . th dport @anyports{v}.{name} accept comment "in the set {name}"',
}

_DECISIONS = """
	chain named-sources-v{v} {{
		{ip} daddr . {proto} . th dport . {ip} saddr @may{v} accept comment "among the sources of the port"
		{ip} saddr @lan{v} {ip} daddr . {proto} . th dport @lanmay{v} accept comment "a neighbour, as the port's sources allow"
		jump sets-v{v}
		drop comment "not among the sources of the port"
	}}

	chain any-sources-v{v} {{
		{proto} . th dport . {ip} saddr @mayany{v} accept comment "among the sources of the port"
		{ip} saddr @lan{v} {proto} . th dport @lanmayany{v} accept comment "a neighbour, as the port's sources allow"
		jump any-sets-v{v}
		drop comment "not among the sources of the port"
	}}

"""

_NAMES = (
    {"v": "4", "addr": "ipv4_addr", "ip": "ip", "proto": "ip protocol"},
    {"v": "6", "addr": "ipv6_addr", "ip": "ip6", "proto": "ip6 nexthdr"},
)

_OWN = frozenset(line.split()[1].format(v=v) for line in _SETS.strip().splitlines() for v in "46")


def is_of_sources(name: str) -> bool:
    """Tell whether a set is one of these; what an administrator has named comes after a dot."""
    return name in _OWN or "." in name


def members_of(name: str, version: int) -> str:
    """Return the set of those who are in a named set."""
    return f"members{version}.{name}"


def _both(template: str) -> str:
    return "".join(template.format(**names).lstrip("\n") for names in _NAMES)


def declared(named: Collection[str]) -> str:
    """Return the sets, those that an administrator has named among them."""
    return _both(_SETS) + "".join(
        _NAMED_SETS.format(**names, name=name).lstrip("\n") for name in named for names in _NAMES
    )


def declaration(table: str, before: Collection[str], after: Collection[str]) -> NftTransaction:
    """Return what has other sets be named than before; those that go may have no port that names them."""
    return NftTransaction(commands=_declaration(table, before, after), undo=_declaration(table, after, before))


def _declaration(table: str, before: Collection[str], after: Collection[str]) -> str:
    lines = [line for name in sorted(set(after) - set(before)) for line in _sets(table, "add", name)]
    for names in _NAMES:
        for chain, rule in _NAMED_RULES.items():
            place = f"inet {table} {chain.format(**names)}"
            lines.append(f"flush chain {place}")
            lines.extend(f"add rule {place} {rule.format(**names, name=name)}" for name in sorted(after))
    lines.extend(line for name in sorted(set(before) - set(after)) for line in _sets(table, "delete", name))
    return "\n".join(lines)


def _sets(table: str, verb: str, name: str) -> Iterator[str]:
    for names in _NAMES:
        for line in _NAMED_SETS.format(**names, name=name).strip().splitlines():
            _, own, kind = line.split(None, 2)
            yield f"{verb} set inet {table} {own}{f' {kind}' if verb == 'add' else ''}"


def _named_chains(named: Collection[str]) -> str:
    text = ""
    for names in _NAMES:
        for chain, rule in _NAMED_RULES.items():
            rules = "".join(f"\t\t{rule.format(**names, name=name)}\n" for name in sorted(named))
            text += f"\tchain {chain.format(**names)} {{\n{rules}\t}}\n\n"
    return text


def chains(named: Collection[str]) -> str:
    """Return the chains; `named` are the sets that an administrator has named.

    The table must have sets `own4` and `own6`: whose bridge goes with which addresses.
    """
    return f"""	chain sources {{
		type filter hook prerouting priority -110; policy accept;
		ct state established,related accept comment "connections that stand"
		iifname "lo" accept comment "from this host itself: judged on its way out"
{_both(_WAY_IN)}	}}

	chain own-sources {{
		type filter hook output priority -110; policy accept;
		ct state established,related accept comment "connections that stand"
{_both(_WAY_OUT)}	}}

	chain not-this-host {{
		meta l4proto tcp reject with tcp reset comment "this host itself is not among the sources of the port"
		reject comment "this host itself is not among the sources of the port"
	}}

{_named_chains(named)}{_both(_DECISIONS)}"""


_Place = tuple[str, IPAddress, Protocol, Sources, bool]


def source_elements(intents: Iterable[SourcesIntent]) -> Iterator[Element]:
    """Yield the elements of limited ports, neighbouring numbers of an endpoint with the same sources as one.

    Not those of several: each comes and goes by itself.
    """
    ports: defaultdict[_Place, set[int]] = defaultdict(set)
    for intent in intents:
        place = (intent.endpoint, intent.host_ip, intent.protocol, intent.sources, intent.routed)
        ports[place].update(range(intent.first, intent.last + 1))
    for (_, address, protocol, sources, routed), numbers in ports.items():
        for first, last in runs(numbers):
            yield from _limited(address, (protocol, Ports(first, last)), sources, routed=routed)


def _limited(address: IPAddress, ports: tuple[Part, ...], sources: Sources, *, routed: bool) -> Iterator[Element]:
    version = address.version
    everywhere = address.is_unspecified and not routed
    suffix, key = (f"any{version}", ports) if everywhere else (str(version), (address, *ports))
    yield element("inet", f"limitedrouted{version}" if routed else f"limited{suffix}", *key)
    for network in sources.networks:
        if network.version == version:
            yield element("inet", f"may{suffix}", *key, network)
    for name in sources.sets:
        yield element("inet", f"{'anyports' if everywhere else 'ports'}{version}.{name}", *key)
    if sources.lan:
        yield element("inet", f"lanmay{suffix}", *key)
    if not (sources.host or routed):
        yield element("inet", f"nothost{suffix}", *key)
