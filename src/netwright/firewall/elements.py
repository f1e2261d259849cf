"""Each intent as elements of the sets and maps of the two tables (`firewall.skeleton`, `firewall.layer2`)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

from netwright.firewall import forward_guard
from netwright.firewall.element import Element, element, runs
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
from netwright.firewall.sources import members_of, source_elements
from netwright.host.elements import Item, Name, Octets, Part, PortNumber, Ports, SetChange, Verb
from netwright.host.ops import ChangeElements
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol


def elements_of(intents: Iterable[Intent]) -> set[Element]:
    """Return all elements of these intents, each once however many want it."""
    wanted = list(intents)
    single = {one for intent in wanted for one in _elements(intent)}
    ports = _ports(intent for intent in wanted if isinstance(intent, PortIntent))
    return single.union(ports, source_elements(intent for intent in wanted if isinstance(intent, SourcesIntent)))


def named_in(intents: Iterable[Intent]) -> list[str]:
    """Return the names of the sets of sources that there are."""
    return sorted({intent.name for intent in intents if isinstance(intent, SourceSetIntent)})


def changes(verb: Verb, table: str, elements: Iterable[Element]) -> list[SetChange]:
    """Return one change for each set or map that is touched, the same whatever the order of the elements."""
    places: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for one in elements:
        places[one.family, one.set].append(one.item)
    return [
        SetChange(verb, *_place(family, table), name, tuple(_sorted(places[family, name])))
        for family, name in sorted(places)
    ]


def _sorted(items: list[Item]) -> list[Item]:
    # To print an element in order to sort it costs more than all else, and most are alone.
    return sorted(items, key=str) if len(items) > 1 else items


def _place(family: str, table: str) -> tuple[str, str]:
    return ("inet", forward_guard.TABLE) if family == "guard" else (family, table)


def removal(table: str) -> list[str]:
    """Return the nft commands that delete our tables, whether they are there or not."""
    # Adding first makes the deletion content with a table that is not there.
    return [f"{verb} table {family} {table}" for family in ("inet", "bridge") for verb in ("add", "delete")]


_SLOW_TO_DELETE = frozenset(("own4", "own6"))
"""Sets of intervals over several parts: the kernel finds what is to be deleted by comparing it with all there is.

What they say, that a subnet is behind a bridge, says nothing once the bridge is gone.
"""


def transition(table: str, old: set[Element], new: set[Element]) -> list[ChangeElements]:
    """Return the transactions, with their inverses, that turn these elements into those; none where they are equal.

    It is one, but for what may be deleted when there is time. What goes must go before what comes: a key of a map may
    get another value.
    """
    going, coming = old - new, new - old
    idle = {element for element in going if element.set in _SLOW_TO_DELETE}
    return [*_transaction(table, going - idle, coming), *_tidying(table, idle)]


def _transaction(table: str, going: set[Element], coming: set[Element]) -> list[ChangeElements]:
    if not going and not coming:
        return []
    forth = (*_deletions(table, going), *changes(Verb.ADD, table, coming))
    back = (*_deletions(table, coming), *changes(Verb.ADD, table, going))
    return [ChangeElements(changes=forth, undo=back)]


def _tidying(table: str, idle: set[Element]) -> list[ChangeElements]:
    """Return what deletes elements later, even where all was made anew without them meanwhile."""
    if not idle:
        return []
    there = changes(Verb.ADD, table, idle)
    return [ChangeElements(changes=(*there, *changes(Verb.DELETE, table, idle)), undo=tuple(there), idle=True)]


def _deletions(table: str, elements: Iterable[Element]) -> list[SetChange]:
    """Return what deletes elements; those of the shared table even where another engine has tidied them up."""
    going = list(elements)
    if not going:
        return []
    shared = [element for element in going if element.family == "guard"]
    return [*changes(Verb.ADD, table, shared), *changes(Verb.DELETE, table, going)]


def _elements(intent: Intent) -> Iterable[Element]:
    match intent:
        case NetworkIntent():
            return _network(intent)
        case EndpointIntent():
            return _endpoint(intent)
        case LinkIntent():
            return _link(intent)
        case LanIntent(version=version, networks=networks):
            return [element("inet", f"lan{version}", network) for network in networks]
        case SourceSetIntent(name=name, version=version, networks=networks):
            return [element("inet", members_of(name, version), network) for network in networks]
        case StrangersIntent(bridges=bridges):
            return [element("guard", forward_guard.SAME, Name(name), Name(name)) for name in bridges]
        case PortIntent() | SourcesIntent():  # many of these are rendered together
            return ()


def _network(intent: NetworkIntent) -> Iterator[Element]:
    version, bridge, subnet = intent.subnet.version, Name(intent.bridge), intent.subnet
    yield element("inet", "bridges", bridge)
    yield element("guard", forward_guard.BRIDGES, bridge)
    yield element("inet", "same", bridge, bridge)
    # To delete from a set of intervals the kernel compares with all, part by part: the shortest part goes first.
    yield element("inet", f"own{version}", subnet, bridge)
    if intent.internal:
        yield element("inet", "internal", bridge)
        if not intent.host_access:
            yield element("inet", "hostless", bridge)
        return
    if intent.mode is GatewayMode.NAT and not intent.direct:
        yield element("inet", f"guarded{version}", subnet)
        for name in intent.trusted:
            yield element("inet", f"trusted{version}", Name(name), subnet)
    if intent.mode is GatewayMode.NAT_UNPROTECTED:
        yield element("inet", f"unprotected{version}", bridge)
    if intent.mode is GatewayMode.ROUTED:
        yield element("inet", f"routed{version}", bridge)
    elif intent.masquerade:
        yield _masqueraded(intent, subnet)


def _masqueraded(intent: NetworkIntent, subnet: IPv4Network | IPv6Network) -> Element:
    if intent.snat_to is not None:
        return element("inet", f"source{subnet.version}", subnet, to=(intent.snat_to,))
    return element("inet", f"masqueraded{subnet.version}", subnet)


def _endpoint(intent: EndpointIntent) -> Iterator[Element]:
    version, port = intent.address.version, Name(intent.port)
    yield element("bridge", "ports", port)
    yield element("bridge", "macs", port, intent.mac)
    yield element("bridge", f"senders{version}", port, intent.address)
    if version == 6:
        yield element("bridge", "targets6", port, Octets(intent.address.packed))
    if intent.icc:
        return
    yield element("bridge", "alone", port)
    # Where strangers may come directly, so may other networks: only translated addresses can be told from direct ones.
    if intent.mode is GatewayMode.NAT and not intent.direct:
        yield element("bridge", f"apart{version}", intent.address)


def _ports(intents: Iterable[PortIntent]) -> Iterator[Element]:
    """Return what published ports need, neighbouring numbers as one element.

    Runs are made of all numbers together: intervals of one set must not overlap, and two ranges of host ports may well
    lead to overlapping ranges of a container.
    """
    opened: defaultdict[tuple[IPAddress, Protocol], set[int]] = defaultdict(set)
    kept: defaultdict[tuple[IPAddress, Protocol, IPAddress], set[int]] = defaultdict(set)
    for intent in intents:
        count = intent.last - intent.first + 1
        opened[intent.to_address, intent.protocol].update(range(intent.to_first, intent.to_first + count))
        if intent.mode is GatewayMode.ROUTED or not intent.first:
            continue
        if intent.first == intent.to_first:
            numbers = range(intent.first, intent.last + 1)
            kept[intent.host_ip, intent.protocol, intent.to_address].update(numbers)
        else:
            yield from _shifted(intent)
    for (address, protocol), ports in opened.items():
        for first, last in runs(ports):
            name = "open" if first == last else "openrange"
            yield element("inet", f"{name}{address.version}", address, protocol, _run(first, last))
    for (host_ip, protocol, to), ports in kept.items():
        for first, last in runs(ports):
            # The target's number must be named for one port and cannot be for a range, which keeps its numbers.
            target = (to, PortNumber(first)) if first == last else (to,)
            yield from _translation(host_ip, protocol, _run(first, last), target)


def _run(first: int, last: int) -> PortNumber | Ports:
    return PortNumber(first) if first == last else Ports(first, last)


def _shifted(intent: PortIntent) -> Iterator[Element]:
    """Return a translation for each port of a run that changes its numbers: nft has no word for shifting."""
    for offset in range(intent.last - intent.first + 1):
        target = (intent.to_address, PortNumber(intent.to_first + offset))
        yield from _translation(intent.host_ip, intent.protocol, PortNumber(intent.first + offset), target)


def _translation(
    host_ip: IPAddress, protocol: Protocol, run: PortNumber | Ports, target: tuple[Part, ...]
) -> Iterator[Element]:
    """Return the map entry for a run of host ports, and the guard of a loopback address."""
    suffix = "range" if isinstance(run, Ports) else ""
    if host_ip.is_unspecified:
        yield element("inet", f"any{suffix}{host_ip.version}", protocol, run, to=target)
        return
    yield element("inet", f"{suffix or 'exact'}{host_ip.version}", host_ip, protocol, run, to=target)
    if host_ip.is_loopback and host_ip.version == 4:  # the kernel itself takes no packet to ::1 from a wire
        yield element("inet", f"loopback{suffix}", host_ip, protocol, run)


def _link(intent: LinkIntent) -> Iterator[Element]:
    key = (intent.parent, intent.child, intent.protocol, PortNumber(intent.port))
    yield element("bridge", f"links{intent.parent.version}", *key)
