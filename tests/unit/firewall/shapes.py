"""Network shapes of Docker's own documentation, as intents, with Docker's listings of them in tests/golden/iptables.

Each listing but the new daemon's names only what the shape adds to it, table by table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from netwright.firewall.api import FirewallSettings
from netwright.firewall.intent import EndpointIntent, GatewayMode, Intent, LinkIntent, NetworkIntent, PortIntent
from netwright.model.addressing import Mac
from netwright.model.ports import Protocol

GOLDEN = Path(__file__).parents[2] / "golden"
TABLES = ("filter", "nat", "raw")
MAC = Mac.parse("02:00:00:00:00:02")

Rules = Mapping[str, Mapping[str, Sequence[str]]]
"""Rules by table and chain, in order, each as iptables -S prints it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is wanted beside docker0, and the IP version whose listing shows it."""

    name: str
    version: int
    intents: tuple[Intent, ...] = ()
    proxied: bool = True

    @property
    def settings(self) -> FirewallSettings:
        return FirewallSettings(instance="test", proxied=self.proxied)

    @property
    def wanted(self) -> tuple[Intent, ...]:
        return (*DOCKER0, *self.intents)


def network(subnet: str = "192.0.2.0/24", bridge: str = "bridge1") -> NetworkIntent:
    return NetworkIntent(network=bridge, bridge=bridge, subnet=ip_network(subnet))


def endpoint(address: str = "192.0.2.2") -> EndpointIntent:
    return EndpointIntent(network="bridge1", bridge="bridge1", port="veth1", mac=MAC, address=ip_address(address))


def port(host_ip: str = "0.0.0.0", to_address: str = "192.0.2.2", first: int = 8080, to_first: int = 80) -> PortIntent:
    return PortIntent(
        network="bridge1",
        bridge="bridge1",
        protocol=Protocol.TCP,
        host_ip=ip_address(host_ip),
        first=first,
        last=first,
        to_address=ip_address(to_address),
        to_first=to_first,
    )


DOCKER0 = (
    NetworkIntent(network="docker0", bridge="docker0", subnet=ip_network("172.17.0.0/16")),
    NetworkIntent(network="docker0", bridge="docker0", subnet=ip_network("2001:db8:17::/64")),
)
_NET6, _WEB6 = "2001:db8:1::/64", "2001:db8:1::2"
_ROUTED, _UNPROTECTED = GatewayMode.ROUTED, GatewayMode.NAT_UNPROTECTED

SHAPES = (
    Shape("new-daemon", 4),
    Shape("new-daemon-ipv6", 6),
    Shape("published", 4, (network(), endpoint(), port())),
    Shape("published-ipv6", 6, (network(_NET6), endpoint(_WEB6), port("::", _WEB6))),
    Shape("published-sctp", 4, (network(), endpoint(), replace(port(), protocol=Protocol.SCTP))),
    Shape("published-on-loopback", 4, (network(), endpoint(), port("127.0.0.1"))),
    Shape("without-proxy", 4, (network(), endpoint(), port()), proxied=False),
    Shape("keeping-apart", 4, (replace(network(), icc=False), replace(endpoint(), icc=False), port())),
    Shape(
        "linked",
        4,
        (
            replace(network(), icc=False),
            LinkIntent(
                network="bridge1",
                bridge="bridge1",
                parent=ip_address("192.0.2.3"),
                child=ip_address("192.0.2.2"),
                protocol=Protocol.TCP,
                port=5432,
            ),
        ),
    ),
    Shape(
        "internal",
        4,
        (
            replace(network(bridge="bridgeICC"), internal=True),
            replace(network("198.51.100.0/24", "bridgeNoICC"), internal=True, icc=False),
        ),
    ),
    Shape(
        "internal-ipv6",
        6,
        (
            replace(network(_NET6, "bridgeICC"), internal=True),
            replace(network("2001:db8:2::/64", "bridgeNoICC"), internal=True, icc=False),
        ),
    ),
    Shape(
        "routed",
        4,
        (
            replace(network(), mode=_ROUTED),
            replace(endpoint(), mode=_ROUTED),
            replace(port(first=0), mode=_ROUTED),
        ),
    ),
    Shape(
        "routed-ipv6",
        6,
        (
            replace(network(_NET6), mode=_ROUTED),
            replace(endpoint(_WEB6), mode=_ROUTED),
            replace(port("::", _WEB6, first=0), mode=_ROUTED),
        ),
    ),
    Shape(
        "unprotected",
        4,
        (
            replace(network(), mode=_UNPROTECTED),
            replace(endpoint(), mode=_UNPROTECTED),
            replace(port(), mode=_UNPROTECTED),
        ),
    ),
    Shape("without-masquerade", 4, (replace(network(), masquerade=False), endpoint(), port())),
    Shape("snat", 4, (replace(network(), snat_to=ip_address("203.0.113.9")),)),
    Shape("trusting", 4, (replace(network(), trusted=("eth1",)), replace(endpoint(), trusted=("eth1",)))),
)


def golden(name: str) -> Rules:
    """Return what Docker lists for a shape."""
    return by_chain((GOLDEN / "iptables" / f"{name}.txt").read_text().splitlines())


def by_chain(lines: Sequence[str]) -> Rules:
    """Group the rules of a text with table headings by table and chain."""
    rules: dict[str, dict[str, list[str]]] = {table: {} for table in TABLES}
    table = ""
    for line in lines:
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A "):
            rules[table].setdefault(line.split()[1], []).append(line)
    return rules


def assert_listed(shape: Shape, listed: Rules) -> None:
    """Assert that a listing shows a new daemon's rules and what the shape adds to them, both in Docker's order."""
    base = golden("new-daemon" if shape.version == 4 else "new-daemon-ipv6")
    added = {} if shape.name.startswith("new-daemon") else golden(shape.name)
    for table in TABLES:
        more = added.get(table, {})
        for chain in {*base[table], *more, *listed[table]}:
            own = () if not shape.proxied and chain == "OUTPUT" else base[table].get(chain, ())
            lines = listed[table].get(chain, ())
            assert [line for line in lines if line in own] == list(own), (table, chain)
            assert [line for line in lines if line not in own] == list(more.get(chain, ())), (table, chain)
