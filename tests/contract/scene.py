"""What the tests of a host put on a machine, and how they look at it."""

from ipaddress import IPv4Interface, IPv6Interface, ip_address
from typing import Any

import pytest
from tests.contract.rigs import GROUP, Rig

from netwright.errors import OperationFailed
from netwright.host import queries
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    AddVeth,
    CreateNamespace,
    Op,
    SetLinkUp,
    SetSysctl,
)
from netwright.host.queries import Link
from netwright.model.addressing import Mac

MACS = [Mac(bytes((2, 0, 0, 0, 0, number))) for number in range(4)]
ADDRESS4, ADDRESS6 = IPv4Interface("10.9.0.2/24"), IPv6Interface("fd09::2/64")
GATEWAYS = {4: ip_address("10.9.0.1"), 6: ip_address("fd09::1")}
BRIDGE = AddBridge(name="br0", mac=MACS[0], mtu=1400, group=GROUP)


def pair(inside: str, number: int = 1, **more: Any) -> AddVeth:
    given: dict[str, Any] = {
        "host_name": f"veth{number}",
        "host_mac": MACS[2],
        "bridge": "br0",
        "name": "eth0",
        "mac": MACS[3],
        "netns": inside,
        "mtu": 1400,
        "group": GROUP,
    }
    return AddVeth(**given | more)


async def links(rig: Rig, netns: str | None = None) -> dict[str, Link]:
    """Return the links that are in service."""
    return {link.name: link for link in await rig.host.ask(queries.Links(netns)) if not link.name.startswith("nwx")}


async def addresses(rig: Rig, name: str, netns: str | None = None) -> set[object]:
    """Return a link's addresses but for those that the kernel gives."""
    return {own for own in (await links(rig, netns))[name].addresses if not own.ip.is_link_local}


async def routes(rig: Rig, netns: str | None = None) -> set[tuple[str, str, str, bool]]:
    found = await rig.host.ask(queries.Routes(netns))
    return {
        (str(route.destination), str(route.gateway), route.link, route.on_link)
        for route in found
        if not route.destination.is_link_local
    }


async def refused(rig: Rig, *batch: Op) -> OperationFailed:
    """Carry out a batch that must fail, and return the failure."""
    with pytest.raises(OperationFailed) as caught:
        await rig.host.do(batch)
    assert str(caught.value)
    return caught.value


def inverse_of(op: Op) -> Op:
    """Return what takes an operation back; there must be something."""
    back = op.inverse()
    assert back is not None
    return back


async def plugged(rig: Rig, inside: str) -> None:
    """Give a namespace a link with addresses of both families."""
    await rig.host.do(
        [
            CreateNamespace(path=inside),
            BRIDGE,
            SetLinkUp(name="br0"),
            pair(inside),
            SetSysctl(key="net/ipv6/conf/eth0/disable_ipv6", value="0", netns=inside),
            AddAddress(link="eth0", address=ADDRESS4, netns=inside),
            AddAddress(link="eth0", address=ADDRESS6, netns=inside),
            SetLinkUp(name="eth0", netns=inside),
            SetLinkUp(name="veth1"),
        ]
    )
