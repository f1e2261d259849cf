"""Held ports, on every kind of host."""

import errno
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from tests.contract.rigs import Rig, held
from tests.contract.scene import (
    BRIDGE,
    refused,
)

from netwright.host import queries
from netwright.host.ops import (
    AddAddress,
    ForgetFlows,
    HoldPort,
    RelayPort,
    ReleasePort,
)
from netwright.model.ports import Protocol


async def test_a_port_is_held_and_released(rig: Rig) -> None:
    hold = HoldPort(protocol=Protocol.TCP, address=ip_address("0.0.0.0"), port=8080)
    assert await rig.host.ask(queries.HeldPorts()) == ()
    await rig.host.do([hold])
    assert await rig.host.ask(queries.HeldPorts()) == (held("0.0.0.0", 8080),)
    await rig.host.do([hold.inverse(), hold.inverse()])
    assert await rig.host.ask(queries.HeldPorts()) == ()
    await rig.host.do([hold])


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (held("0.0.0.0", 8080), held("0.0.0.0", 8080), True),
        (held("0.0.0.0", 8080), held("127.0.0.1", 8080), True),
        (held("127.0.0.1", 8080), held("0.0.0.0", 8080), True),
        (held("127.0.0.1", 8080, Protocol.UDP), held("0.0.0.0", 8080, Protocol.UDP), True),
        (held("127.0.0.1", 8080), held("127.0.0.2", 8080), False),
        (held("0.0.0.0", 8080), held("0.0.0.0", 8080, Protocol.UDP), False),
        (held("0.0.0.0", 8080), held("0.0.0.0", 8081), False),
        (held("0.0.0.0", 8080), held("::", 8080), False),
        (held("::1", 8080), held("::", 8080), True),
    ],
)
async def test_a_port_is_held_once(rig: Rig, first: queries.HeldPort, second: queries.HeldPort, clash: bool) -> None:
    holds = [HoldPort(protocol=port.protocol, address=port.address, port=port.port) for port in (first, second)]
    if clash:
        failure = await refused(rig, *holds)
        assert (failure.errno, failure.done) == (errno.EADDRINUSE, 1)
    else:
        await rig.host.do(holds)
    assert set(await rig.host.ask(queries.HeldPorts())) == ({first} if clash else {first, second})


async def test_those_of_a_batch_before_the_one_that_is_taken_are_counted(rig: Rig) -> None:
    holds = [HoldPort(protocol=Protocol.TCP, address=ip_address("0.0.0.0"), port=8080 + place) for place in range(9)]
    with rig.others_bind(held("127.0.0.1", 8085)):
        failure = await refused(rig, BRIDGE, *holds)
    assert (failure.errno, failure.done) == (errno.EADDRINUSE, 6)
    assert set(await rig.host.ask(queries.HeldPorts())) == {held("0.0.0.0", 8080 + place) for place in range(5)}
    await rig.host.do([back for hold in holds[:5] if (back := hold.inverse()) is not None])
    assert await rig.host.ask(queries.HeldPorts()) == ()


async def test_a_port_of_another_program_is_not_taken(rig: Rig) -> None:
    with rig.others_bind(held("127.0.0.1", 8080)):
        failure = await refused(rig, HoldPort(protocol=Protocol.TCP, address=ip_address("0.0.0.0"), port=8080))
    assert failure.errno == errno.EADDRINUSE
    assert await rig.host.ask(queries.HeldPorts()) == ()


async def test_a_port_is_held_at_addresses_of_the_host_only(rig: Rig) -> None:
    hold = HoldPort(protocol=Protocol.TCP, address=ip_address("10.9.0.1"), port=8080)
    assert (await refused(rig, hold)).errno == errno.EADDRNOTAVAIL
    await rig.host.do([BRIDGE, AddAddress(link="br0", address=ip_interface("10.9.0.1/24")), hold])
    assert await rig.host.ask(queries.HeldPorts()) == (held("10.9.0.1", 8080),)


async def test_only_what_is_held_can_be_relayed(rig: Rig) -> None:
    where: Any = {"protocol": Protocol.TCP, "address": ip_address("127.0.0.1"), "port": 8080}
    relay = RelayPort(**where, to_address=ip_address("127.0.0.2"), to_port=80)
    await refused(rig, relay)
    await rig.host.do([HoldPort(**where), relay, relay, ReleasePort(**where)])
    assert await rig.host.ask(queries.HeldPorts()) == ()
    await refused(rig, relay)


async def test_to_forget_flows_that_are_not_there_is_content(rig: Rig) -> None:
    await rig.host.do(
        [
            ForgetFlows(protocol=Protocol.UDP, address=address, port=53)
            for address in (None, ip_address("127.0.0.1"), ip_address("::1"))
        ]
    )
