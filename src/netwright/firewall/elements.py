"""Each intent as elements of the sets and maps of the two tables (`firewall.skeleton`, `firewall.layer2`)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
from netwright.host.ops import NftTransaction
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """An element of a set, or of a map where it has a value.

    `family` tells its table: ours of the families inet and bridge, or `guard` for the one that engines share.
    """

    family: str
    set: str
    key: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.key} : {self.value}" if self.value else self.key


def elements_of(intents: Iterable[Intent]) -> set[Element]:
    """Return all elements of these intents, each once however many want it."""
    wanted = list(intents)
    single = {element for intent in wanted if not isinstance(intent, PortIntent) for element in _elements(intent)}
    return single.union(_ports(intent for intent in wanted if isinstance(intent, PortIntent)))


def commands(verb: str, table: str, elements: Iterable[Element]) -> list[str]:
    """Return one nft command for each set or map that is touched."""
    groups = groupby(sorted(elements), key=lambda element: (element.family, element.set))
    return [
        f"{verb} element {_place(family, table)} {name} {{ {', '.join(map(str, group))} }}"
        for (family, name), group in groups
    ]


def _place(family: str, table: str) -> str:
    return f"inet {forward_guard.TABLE}" if family == "guard" else f"{family} {table}"


def removal(table: str) -> list[str]:
    """Return the nft commands that delete our tables, whether they are there or not."""
    # Adding first makes the deletion content with a table that is not there.
    return [f"{verb} table {family} {table}" for family in ("inet", "bridge") for verb in ("add", "delete")]


def transition(table: str, old: set[Element], new: set[Element]) -> list[NftTransaction]:
    """Return the one transaction, with its inverse, that turns these elements into those; none where they are equal.

    What goes must go before what comes: a key of a map may get another value.
    """
    going, coming = sorted(old - new), sorted(new - old)
    if not going and not coming:
        return []
    forth = [*commands("delete", table, going), *commands("add", table, coming)]
    back = [*commands("delete", table, coming), *commands("add", table, going)]
    return [NftTransaction(commands="\n".join(forth), undo="\n".join(back))]


def _elements(intent: NetworkIntent | EndpointIntent | LinkIntent) -> Iterator[Element]:
    match intent:
        case NetworkIntent():
            return _network(intent)
        case EndpointIntent():
            return _endpoint(intent)
        case LinkIntent():
            return _link(intent)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _network(intent: NetworkIntent) -> Iterator[Element]:
    version, bridge, subnet = intent.subnet.version, _quoted(intent.bridge), str(intent.subnet)
    yield Element("inet", "bridges", bridge)
    yield Element("guard", "bridges", bridge)
    yield Element("inet", "same", f"{bridge} . {bridge}")
    yield Element("inet", f"own{version}", f"{bridge} . {subnet}")
    if intent.internal:
        yield Element("inet", "internal", bridge)
        return
    if intent.mode is GatewayMode.NAT and not intent.direct:
        yield Element("inet", f"guarded{version}", subnet)
        for name in intent.trusted:
            yield Element("inet", f"trusted{version}", f"{_quoted(name)} . {subnet}")
    if intent.mode is GatewayMode.NAT_UNPROTECTED:
        yield Element("inet", f"unprotected{version}", bridge)
    if intent.mode is GatewayMode.ROUTED:
        yield Element("inet", f"routed{version}", bridge)
    elif intent.masquerade:
        if intent.snat_to is not None:
            yield Element("inet", f"source{version}", subnet, str(intent.snat_to))
        else:
            yield Element("inet", f"masqueraded{version}", subnet)


def _endpoint(intent: EndpointIntent) -> Iterator[Element]:
    version, port = intent.address.version, _quoted(intent.port)
    yield Element("bridge", "ports", port)
    yield Element("bridge", "macs", f"{port} . {intent.mac}")
    yield Element("bridge", f"senders{version}", f"{port} . {intent.address}")
    if version == 6:
        yield Element("bridge", "targets6", f"{port} . 0x{int(intent.address):032x}")
    if intent.icc:
        return
    yield Element("bridge", "alone", port)
    # Where strangers may come directly, so may other networks: only translated addresses can be told from direct ones.
    if intent.mode is GatewayMode.NAT and not intent.direct:
        yield Element("bridge", f"apart{version}", str(intent.address))


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
            yield Element("inet", f"{name}{address.version}", f"{address} . {protocol} . {_span(first, last)}")
    for (host_ip, protocol, to), ports in kept.items():
        for first, last in _runs(ports):
            # The target's number must be named for one port and cannot be for a range, which keeps its numbers.
            target = f"{to} . {first}" if first == last else str(to)
            yield from _translation(host_ip, protocol, (first, last), target)


def _shifted(intent: PortIntent) -> Iterator[Element]:
    """Return a translation for each port of a run that changes its numbers: nft has no word for shifting."""
    for offset in range(intent.last - intent.first + 1):
        number = intent.first + offset
        target = f"{intent.to_address} . {intent.to_first + offset}"
        yield from _translation(intent.host_ip, intent.protocol, (number, number), target)


def _translation(host_ip: IPAddress, protocol: Protocol, run: tuple[int, int], target: str) -> Iterator[Element]:
    """Return the map entry for a run of host ports, and the guard of a loopback address."""
    first, last = run
    ports, suffix = f"{protocol} . {_span(first, last)}", "" if first == last else "range"
    if host_ip.is_unspecified:
        yield Element("inet", f"any{suffix}{host_ip.version}", ports, target)
        return
    yield Element("inet", f"{suffix or 'exact'}{host_ip.version}", f"{host_ip} . {ports}", target)
    if host_ip.is_loopback and host_ip.version == 4:  # the kernel itself takes no packet to ::1 from a wire
        yield Element("inet", f"loopback{suffix}", f"{host_ip} . {ports}")


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of consecutive numbers."""
    for _, members in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in members]
        yield run[0], run[-1]


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _link(intent: LinkIntent) -> Iterator[Element]:
    key = f"{intent.parent} . {intent.child} . {intent.protocol} . {intent.port}"
    yield Element("bridge", f"links{intent.parent.version}", key)
