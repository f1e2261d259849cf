"""Each intent as elements of the sets and maps of the two tables (`firewall.skeleton`, `firewall.layer2`)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from itertools import groupby

from netwright.firewall import forward_guard
from netwright.firewall.intent import (
    EndpointIntent,
    GatewayMode,
    Intent,
    LinkIntent,
    NetworkIntent,
    PortIntent,
)
from netwright.host.elements import Item, Name, Octets, Part, Ports, SetChange, Verb
from netwright.host.ops import ChangeElements
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a set or map.

    `family` tells its table: ours of the families inet and bridge, or `guard` for the one that engines share.
    """

    family: str
    set: str
    item: Item

    def __str__(self) -> str:
        return str(self.item)


def elements_of(intents: Iterable[Intent]) -> set[Element]:
    """Return all elements of these intents, each once however many want it."""
    wanted = list(intents)
    single = {element for intent in wanted if not isinstance(intent, PortIntent) for element in _elements(intent)}
    return single.union(_ports(intent for intent in wanted if isinstance(intent, PortIntent)))


def changes(verb: Verb, table: str, elements: Iterable[Element]) -> list[SetChange]:
    """Return one change for each set or map that is touched, the same whatever the order of the elements."""
    ordered = sorted(elements, key=lambda element: (element.family, element.set, str(element)))
    return [
        SetChange(verb, *_place(family, table), name, tuple(element.item for element in group))
        for (family, name), group in groupby(ordered, key=lambda element: (element.family, element.set))
    ]


def _place(family: str, table: str) -> tuple[str, str]:
    return ("inet", forward_guard.TABLE) if family == "guard" else (family, table)


def removal(table: str) -> list[str]:
    """Return the nft commands that delete our tables, whether they are there or not."""
    # Adding first makes the deletion content with a table that is not there.
    return [f"{verb} table {family} {table}" for family in ("inet", "bridge") for verb in ("add", "delete")]


def transition(table: str, old: set[Element], new: set[Element]) -> list[ChangeElements]:
    """Return the one transaction, with its inverse, that turns these elements into those; none where they are equal.

    What goes must go before what comes: a key of a map may get another value.
    """
    going, coming = old - new, new - old
    if not going and not coming:
        return []
    forth = (*changes(Verb.DELETE, table, going), *changes(Verb.ADD, table, coming))
    back = (*changes(Verb.DELETE, table, coming), *changes(Verb.ADD, table, going))
    return [ChangeElements(changes=forth, undo=back)]


def _elements(intent: NetworkIntent | EndpointIntent | LinkIntent) -> Iterator[Element]:
    match intent:
        case NetworkIntent():
            return _network(intent)
        case EndpointIntent():
            return _endpoint(intent)
        case LinkIntent():
            return _link(intent)


def _element(family: str, name: str, *key: Part, to: tuple[Part, ...] = ()) -> Element:
    return Element(family, name, Item(key, to))


def _network(intent: NetworkIntent) -> Iterator[Element]:
    version, bridge, subnet = intent.subnet.version, Name(intent.bridge), intent.subnet
    yield _element("inet", "bridges", bridge)
    yield _element("guard", "bridges", bridge)
    yield _element("inet", "same", bridge, bridge)
    yield _element("inet", f"own{version}", bridge, subnet)
    if intent.internal:
        yield _element("inet", "internal", bridge)
        return
    if intent.mode is GatewayMode.NAT and not intent.direct:
        yield _element("inet", f"guarded{version}", subnet)
        for name in intent.trusted:
            yield _element("inet", f"trusted{version}", Name(name), subnet)
    if intent.mode is GatewayMode.NAT_UNPROTECTED:
        yield _element("inet", f"unprotected{version}", bridge)
    if intent.mode is GatewayMode.ROUTED:
        yield _element("inet", f"routed{version}", bridge)
    elif intent.masquerade:
        yield _masqueraded(intent, subnet)


def _masqueraded(intent: NetworkIntent, subnet: IPv4Network | IPv6Network) -> Element:
    if intent.snat_to is not None:
        return _element("inet", f"source{subnet.version}", subnet, to=(intent.snat_to,))
    return _element("inet", f"masqueraded{subnet.version}", subnet)


def _endpoint(intent: EndpointIntent) -> Iterator[Element]:
    version, port = intent.address.version, Name(intent.port)
    yield _element("bridge", "ports", port)
    yield _element("bridge", "macs", port, intent.mac)
    yield _element("bridge", f"senders{version}", port, intent.address)
    if version == 6:
        yield _element("bridge", "targets6", port, Octets(intent.address.packed))
    if intent.icc:
        return
    yield _element("bridge", "alone", port)
    # Where strangers may come directly, so may other networks: only translated addresses can be told from direct ones.
    if intent.mode is GatewayMode.NAT and not intent.direct:
        yield _element("bridge", f"apart{version}", intent.address)


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
        for first, last in _runs(ports):
            name = "open" if first == last else "openrange"
            yield _element("inet", f"{name}{address.version}", address, protocol, Ports(first, last))
    for (host_ip, protocol, to), ports in kept.items():
        for first, last in _runs(ports):
            # The target's number must be named for one port and cannot be for a range, which keeps its numbers.
            target = (to, Ports.one(first)) if first == last else (to,)
            yield from _translation(host_ip, protocol, Ports(first, last), target)


def _shifted(intent: PortIntent) -> Iterator[Element]:
    """Return a translation for each port of a run that changes its numbers: nft has no word for shifting."""
    for offset in range(intent.last - intent.first + 1):
        target = (intent.to_address, Ports.one(intent.to_first + offset))
        yield from _translation(intent.host_ip, intent.protocol, Ports.one(intent.first + offset), target)


def _translation(host_ip: IPAddress, protocol: Protocol, run: Ports, target: tuple[Part, ...]) -> Iterator[Element]:
    """Return the map entry for a run of host ports, and the guard of a loopback address."""
    suffix = "" if run.first == run.last else "range"
    if host_ip.is_unspecified:
        yield _element("inet", f"any{suffix}{host_ip.version}", protocol, run, to=target)
        return
    yield _element("inet", f"{suffix or 'exact'}{host_ip.version}", host_ip, protocol, run, to=target)
    if host_ip.is_loopback and host_ip.version == 4:  # the kernel itself takes no packet to ::1 from a wire
        yield _element("inet", f"loopback{suffix}", host_ip, protocol, run)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of consecutive numbers."""
    for _, members in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in members]
        yield run[0], run[-1]


def _link(intent: LinkIntent) -> Iterator[Element]:
    key = (intent.parent, intent.child, intent.protocol, Ports.one(intent.port))
    yield _element("bridge", f"links{intent.parent.version}", *key)
