"""Each intent as elements of the sets and maps of the two tables (`firewall.skeleton`, `firewall.layer2`)."""

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
    return {element for intent in intents for element in _elements(intent)}


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


def _elements(intent: Intent) -> Iterator[Element]:
    match intent:
        case NetworkIntent():
            return _network(intent)
        case EndpointIntent():
            return _endpoint(intent)
        case PortIntent():
            return _port(intent)
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


def _port(intent: PortIntent) -> Iterator[Element]:
    version, to = intent.to_address.version, intent.to_address
    count = intent.last - intent.first
    run = "range" if count else ""
    inner = _span(intent.to_first, intent.to_first + count)
    yield Element("inet", f"open{run}{version}", f"{to} . {intent.protocol} . {inner}")
    if intent.mode is GatewayMode.ROUTED or not intent.first:
        return
    outer = _span(intent.first, intent.last)
    if intent.host_ip.is_loopback and version == 4:  # the kernel itself takes no packet to ::1 from a wire
        yield Element("inet", f"loopback{run}", f"{intent.host_ip} . {intent.protocol} . {outer}")
    yield from _translations(intent, version)


def _translations(intent: PortIntent, version: int) -> Iterator[Element]:
    """Return the map entries: one for a port or for a range that keeps its numbers, else one for each port."""
    anywhere = intent.host_ip.is_unspecified
    address = "" if anywhere else f"{intent.host_ip} . "
    if intent.first != intent.last and intent.first == intent.to_first:
        name = f"anyrange{version}" if anywhere else f"range{version}"
        span = _span(intent.first, intent.last)
        yield Element("inet", name, f"{address}{intent.protocol} . {span}", str(intent.to_address))
        return
    name = f"any{version}" if anywhere else f"exact{version}"
    for offset in range(intent.last - intent.first + 1):
        key = f"{address}{intent.protocol} . {intent.first + offset}"
        yield Element("inet", name, key, f"{intent.to_address} . {intent.to_first + offset}")


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _link(intent: LinkIntent) -> Iterator[Element]:
    key = f"{intent.parent} . {intent.child} . {intent.protocol} . {intent.port}"
    yield Element("bridge", f"links{intent.parent.version}", key)
