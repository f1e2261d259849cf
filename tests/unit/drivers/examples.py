"""Networks and endpoints as the tests of drivers need them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv6Interface, ip_address

from tests.unit.ipam.networks import pool

from netwright.model.addressing import Mac
from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool
from netwright.model.ports import PortBinding

NET = Id("c0ffee" + "0" * 58)
BRIDGE = f"br-{NET[:12]}"
POOLS = (pool("10.0.0.0/24", gateway="10.0.0.1"), pool("fd00::/64", gateway="fd00::1"))
NETNS = "/run/netwright/netns/abc"
MAC = Mac.parse("02:00:00:00:00:09")


def network(
    options: Mapping[str, str] | None = None,
    *,
    pools: tuple[Pool, ...] = POOLS,
    ipv6: bool = True,
    internal: bool = False,
    adopted: bool = False,
) -> Network:
    """Return a bridge network; options are given without their common beginning."""
    return Network(
        id=NET,
        name="net",
        driver="bridge",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        ipv6=ipv6,
        internal=internal,
        adopted=adopted,
        pools=pools,
        options={f"com.docker.network.{name}": value for name, value in (options or {}).items()},
    )


def endpoint(
    *, ipv6: bool = True, mac: Mac | None = MAC, bindings: tuple[PortBinding, ...] = (), local: tuple[str, ...] = ()
) -> Endpoint:
    """Return an endpoint on it."""
    return Endpoint(
        id=Id("e" * 64),
        network=NET,
        sandbox=Id("5" * 64),
        spec=EndpointSpec(link_local=tuple(map(ip_address, local))),
        order=0,
        mac=mac,
        ipv4=IPv4Interface("10.0.0.9/24"),
        ipv6=IPv6Interface("fd00::9/64") if ipv6 else None,
        interface="eth0",
        host_interface="veth9",
        bindings=bindings,
    )
