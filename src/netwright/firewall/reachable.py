"""What is reachable from where, as a table for people: every kind of network walked by `firewall.simulate`.

The page on the firewall has it from here, so it says what the policy does and not what somebody remembers of it.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from netwright.firewall.intent import (
    GatewayMode,
    Intent,
    LanIntent,
    NetworkIntent,
    PortIntent,
    SourcesIntent,
)
from netwright.firewall.policy import Policy
from netwright.firewall.simulate import Attempt, Surroundings, Verdict, Walk, walk
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress
from netwright.model.ports import Protocol
from netwright.model.sources import Sources

_HOST_PORT, _PORT, _UNPUBLISHED = 8080, 80, 81
_BRIDGE, _OTHER_BRIDGE, _WIRE, _TUNNEL = "br-web", "br-other", "eth0", "wg0"

_BEGIN, _END = "<!-- reachable: written by make docs -->\n", "<!-- /reachable -->\n"

_ENDS = {Verdict.CONTAINER: "yes", Verdict.OUT: "yes", Verdict.HOST: "-", Verdict.REFUSED: "no", Verdict.DROPPED: "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Addresses:
    """Who and what there is in one IP family; `branch` is where a tunnel leads to, by a route without a router."""

    lan: IPv4Network | IPv6Network
    branch: IPv4Network | IPv6Network
    subnet: IPv4Network | IPv6Network
    other: IPv4Network | IPv6Network
    stranger: IPAddress
    every: IPAddress
    loopback: IPAddress

    @property
    def host(self) -> IPAddress:
        return self.lan[1]

    @property
    def neighbour(self) -> IPAddress:
        return self.lan[7]

    @property
    def web(self) -> IPAddress:
        return self.subnet[2]


_FAMILIES = {
    4: _Addresses(
        lan=ip_network("192.0.2.0/24"),
        branch=ip_network("198.51.100.0/24"),
        subnet=ip_network("172.18.0.0/16"),
        other=ip_network("172.19.0.0/16"),
        stranger=ip_address("203.0.113.9"),
        every=ANY_IPV4,
        loopback=ip_address("127.0.0.1"),
    ),
    6: _Addresses(
        lan=ip_network("2001:db8::/64"),
        branch=ip_network("2001:db8:b::/64"),
        subnet=ip_network("2001:db8:18::/64"),
        other=ip_network("2001:db8:19::/64"),
        stranger=ip_address("2001:db8:ffff::9"),
        every=ANY_IPV6,
        loopback=ip_address("::1"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A kind of network with a container `web` that has published its port 80 as 8080."""

    title: str
    mode: GatewayMode = GatewayMode.NAT
    internal: bool = False
    icc: bool = True
    direct: bool = False
    on_loopback: bool = False
    sources: Sources | None = None

    def intents(self, at: _Addresses) -> Iterator[Intent]:
        yield NetworkIntent(
            network="web",
            bridge=_BRIDGE,
            subnet=at.subnet,
            mode=self.mode,
            internal=self.internal,
            icc=self.icc,
            direct=self.direct,
        )
        yield NetworkIntent(network="other", bridge=_OTHER_BRIDGE, subnet=at.other)
        yield LanIntent(version=at.lan.version, networks=(at.lan, at.branch))
        if not self.internal:
            yield self._published(at)
        if self.sources is not None:
            yield SourcesIntent(
                network="web",
                bridge=_BRIDGE,
                endpoint="web",
                protocol=Protocol.TCP,
                host_ip=self._host_ip(at),
                first=_HOST_PORT,
                last=_HOST_PORT,
                sources=self.sources,
            )

    def _published(self, at: _Addresses) -> PortIntent:
        number = 0 if self.mode is GatewayMode.ROUTED else _HOST_PORT
        return PortIntent(
            network="web",
            bridge=_BRIDGE,
            protocol=Protocol.TCP,
            host_ip=self._host_ip(at),
            first=number,
            last=number,
            to_address=at.web,
            to_first=_PORT,
            mode=self.mode,
        )

    def _host_ip(self, at: _Addresses) -> IPAddress:
        return at.loopback if self.on_loopback else at.every


_SHAPES = (
    _Shape(title="`nat`, the default"),
    _Shape(title="`-p 127.0.0.1:8080:80`", on_loopback=True),
    _Shape(title="`--from lan`", sources=Sources.parse(["lan"])),
    _Shape(title="`--from host`", sources=Sources.parse(["host"])),
    _Shape(title="`enable_icc=false`", icc=False),
    _Shape(title="`--allow-direct-routing`", direct=True),
    _Shape(title="`nat-unprotected`", mode=GatewayMode.NAT_UNPROTECTED),
    _Shape(title="`routed`", mode=GatewayMode.ROUTED),
    _Shape(title="`--internal`", internal=True),
)


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sends: a title, the interface it comes by, and its address as one of those of a family."""

    title: str
    interface: str
    place: str

    def address(self, at: _Addresses) -> IPAddress:
        places = {
            "stranger": at.stranger,
            "neighbour": at.neighbour,
            "branch": at.branch[7],
            "host": at.host,
            "same": at.subnet[3],
            "other": at.other[3],
        }
        return places[self.place]


_SENDERS = (
    _Sender("a machine far away", _WIRE, "stranger"),
    _Sender("a neighbour on the wire", _WIRE, "neighbour"),
    _Sender("a machine behind a VPN", _TUNNEL, "branch"),
    _Sender("the host", "", "host"),
    _Sender("a container of the same network", _BRIDGE, "same"),
    _Sender("one of another network", _OTHER_BRIDGE, "other"),
)


class _Reasons:
    """Reasons by number, in the order in which they are met."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, reason: str) -> int:
        return self._numbers.setdefault(reason, len(self._numbers) + 1)

    def lines(self) -> Iterator[str]:
        return (f"{number}. {reason}" for reason, number in self._numbers.items())


def table(version: int = 4) -> str:
    """Return the table and the reasons for each no, as Markdown; IPv6 is the same but for its loopback address."""
    at, reasons = _FAMILIES[version], _Reasons()
    senders = " | ".join(sender.title for sender in _SENDERS)
    lines = [f"| network | at | {senders} |", f"| --- | --- |{' --- |' * len(_SENDERS)}"]
    for shape in _SHAPES:
        title = shape.title
        for what, address, port in _targets(shape, at):
            ends = " | ".join(_cell(_walk(shape, sender, at, address, port), reasons) for sender in _SENDERS)
            lines.append(f"| {title} | {what} | {ends} |")
            title = ""
    return "\n".join([*lines, "", *reasons.lines(), ""])


def into(page: str) -> str:
    """Return a page with the table of today between its two marks."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}{table()}{end}{after}"


def _targets(shape: _Shape, at: _Addresses) -> Sequence[tuple[str, IPAddress, int]]:
    """Return what is knocked at: in words, the address and the port."""
    return (
        ("the host's port", at.loopback if shape.on_loopback else at.host, _HOST_PORT),
        ("the container's, published", at.web, _PORT),
        ("the container's, another", at.web, _UNPUBLISHED),
    )


def _walk(shape: _Shape, sender: _Sender, at: _Addresses, address: IPAddress, port: int) -> Walk:
    policy = Policy.of(shape.intents(at))
    attempt = Attempt(
        interface=sender.interface, source=sender.address(at), address=address, protocol=Protocol.TCP, port=port
    )
    return walk(policy, attempt, Surroundings(own={at.host, at.subnet[1], at.other[1]}))


def _cell(found: Walk, reasons: _Reasons) -> str:
    end = _ENDS[found.verdict]
    return end if end != "no" else f"no ({reasons.number(_general(found.reason))})"


def _general(reason: str) -> str:
    """Return a reason without the one sender that it names."""
    return reason.partition(", and not ")[0]


if __name__ == "__main__":
    sys.stdout.write(into(sys.stdin.read()))
