"""Each intent as the iptables rules that Docker's daemon (28 and later) makes of it, as iptables-save writes them.

One thing is added: with `icc=false` neighbours find each other by IPv6 as they do by ARP. Where bridged frames pass
ip6tables, Docker's rules leave linked containers, which it knows in IPv4 only, unable to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netwright.firewall.intent import (
    EndpointIntent,
    GatewayMode,
    Intent,
    LanIntent,
    LinkIntent,
    NetworkIntent,
    PortIntent,
    SourceSetIntent,
    SourcesIntent,
    StrangersIntent,
)

_SOLICITATION, _ADVERTISEMENT = 135, 136
"""The kinds of ICMPv6 that neighbours find each other by (RFC 4861)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a chain; `first` puts it at the chain's top, else it is appended."""

    table: str
    chain: str
    text: str
    first: bool = False


def rules_of(intents: Iterable[Intent], *, proxied: bool) -> list[Rule]:
    """Return the rules of these intents in the order in which Docker would make them, each once."""
    return list(dict.fromkeys(rule for intent in intents for rule in _rules(intent, proxied=proxied)))


def _rules(intent: Intent, *, proxied: bool) -> Iterator[Rule]:
    match intent:
        case NetworkIntent(internal=True):
            return _internal(intent)
        case NetworkIntent():
            return _network(intent, proxied=proxied)
        case EndpointIntent():
            return _endpoint(intent)
        case PortIntent():
            return _port(intent, proxied=proxied)
        case LinkIntent():
            return _link(intent)
        case SourcesIntent() | LanIntent() | SourceSetIntent() | StrangersIntent():
            # Docker has no rule for these: they stand beside, in nftables.
            return iter(())


def _filter(chain: str, text: str, *, first: bool = False) -> Rule:
    return Rule("filter", chain, text, first)


def _internal(intent: NetworkIntent) -> Iterator[Rule]:
    bridge, subnet = intent.bridge, intent.subnet
    if intent.version == 4:
        yield _filter("DOCKER-INTERNAL", f"! -d {subnet} -i {bridge} -j DROP", first=True)
        yield _filter("DOCKER-INTERNAL", f"! -s {subnet} -o {bridge} -j DROP", first=True)
    else:
        # Neighbour discovery inside the bridge must not be dropped, so the other side's interface is named as well.
        yield _filter("DOCKER-INTERNAL", f"! -d {subnet} -i {bridge} ! -o {bridge} -j DROP", first=True)
        yield _filter("DOCKER-INTERNAL", f"! -s {subnet} ! -i {bridge} -o {bridge} -j DROP", first=True)
    yield _filter("DOCKER-FORWARD", f"-i {bridge} -o {bridge} -j {'ACCEPT' if intent.icc else 'DROP'}")


def _apart(intent: NetworkIntent) -> Iterator[Rule]:
    """Close a bridge between its own ports; linked neighbours find each other nevertheless, as they do by ARP."""
    within = f"-i {intent.bridge} -o {intent.bridge}"
    if intent.version == 6:
        for kind in (_SOLICITATION, _ADVERTISEMENT):
            yield _filter("DOCKER-FORWARD", f"{within} -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT")
    yield _filter("DOCKER-FORWARD", f"{within} -j DROP")


def _network(intent: NetworkIntent, *, proxied: bool) -> Iterator[Rule]:
    bridge = intent.bridge
    unprotected = intent.mode is GatewayMode.NAT_UNPROTECTED
    if intent.mode is GatewayMode.ROUTED:
        yield _filter("DOCKER", f"-o {bridge} -p {'icmp' if intent.version == 4 else 'ipv6-icmp'} -j ACCEPT")
    yield _filter("DOCKER", f"! -i {bridge} -o {bridge} -j {'ACCEPT' if unprotected else 'DROP'}")
    yield _filter("DOCKER-CT", f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    yield _filter("DOCKER-BRIDGE", f"-o {bridge} -j DOCKER")
    if intent.icc:
        yield _filter("DOCKER-FORWARD", f"-i {bridge} -j ACCEPT")
    else:
        yield from _apart(intent)
        yield _filter("DOCKER-FORWARD", f"-i {bridge} ! -o {bridge} -j ACCEPT")
    if intent.mode is not GatewayMode.ROUTED:
        yield from _source(intent, proxied=proxied)


def _source(intent: NetworkIntent, *, proxied: bool) -> Iterator[Rule]:
    target = "MASQUERADE" if intent.snat_to is None else f"SNAT --to-source {intent.snat_to}"
    if intent.masquerade:
        yield Rule("nat", "POSTROUTING", f"-s {intent.subnet} ! -o {intent.bridge} -j {target}", first=True)
    if not proxied:
        local = f"-o {intent.bridge} -m addrtype --src-type LOCAL -j {target}"
        yield Rule("nat", "POSTROUTING", local, first=True)


def _endpoint(intent: EndpointIntent) -> Iterator[Rule]:
    if intent.internal or intent.direct or intent.mode is not GatewayMode.NAT:
        return
    if intent.address.is_link_local:  # no router leads to it, and Docker has no rule for it
        return
    host = _host(intent)
    for interface in intent.trusted:
        yield Rule("raw", "PREROUTING", f"-d {host} -i {interface} -j ACCEPT")
    yield Rule("raw", "PREROUTING", f"-d {host} ! -i {intent.bridge} -j DROP")


def _host(intent: EndpointIntent) -> str:
    return f"{intent.address}/{intent.address.max_prefixlen}"


def _port(intent: PortIntent, *, proxied: bool) -> Iterator[Rule]:
    length = intent.to_address.max_prefixlen
    kind, to, bridge = str(intent.protocol), intent.to_address, intent.bridge
    for offset in range(intent.last - intent.first + 1):
        outer, inner = intent.first + offset, intent.to_first + offset
        if intent.mode is not GatewayMode.NAT_UNPROTECTED:
            accept = f"-d {to}/{length} ! -i {bridge} -o {bridge} -p {kind} -m {kind} --dport {inner} -j ACCEPT"
            yield _filter("DOCKER", accept, first=True)
        if intent.mode is GatewayMode.ROUTED or not intent.first:
            continue
        yield Rule("nat", "DOCKER", _translation(intent, outer, inner, proxied=proxied))
        if intent.host_ip.is_loopback and intent.version == 4:
            drop = f"-d {intent.host_ip}/32 ! -i lo -p {kind} -m {kind} --dport {outer} -j DROP"
            yield Rule("raw", "PREROUTING", drop)
        if not proxied:
            own = f"-s {to}/{length} -d {to}/{length} -p {kind} -m {kind} --dport {inner} -j MASQUERADE"
            yield Rule("nat", "POSTROUTING", own)


def _translation(intent: PortIntent, outer: int, inner: int, *, proxied: bool) -> str:
    length = intent.to_address.max_prefixlen
    kind, to = str(intent.protocol), intent.to_address
    words = []
    if intent.version == 6:
        words.append("! -s fe80::/10")
    if not intent.host_ip.is_unspecified:
        words.append(f"-d {intent.host_ip}/{length}")
    if proxied:
        words.append(f"! -i {intent.bridge}")
    target = f"[{to}]:{inner}" if intent.version == 6 else f"{to}:{inner}"
    words.append(f"-p {kind} -m {kind} --dport {outer} -j DNAT --to-destination {target}")
    return " ".join(words)


def _link(intent: LinkIntent) -> Iterator[Rule]:
    length = intent.parent.max_prefixlen
    parent, child = f"{intent.parent}/{length}", f"{intent.child}/{length}"
    kind, where = str(intent.protocol), f"-i {intent.bridge} -o {intent.bridge}"
    yield _filter("DOCKER", f"-s {parent} -d {child} {where} -p {kind} -m {kind} --dport {intent.port} -j ACCEPT")
    yield _filter("DOCKER", f"-s {child} -d {parent} {where} -p {kind} -m {kind} --sport {intent.port} -j ACCEPT")
