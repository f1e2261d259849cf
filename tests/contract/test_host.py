"""What a host promises, whether it is this machine or one in memory: one suite for both.

Every operation of `host.ops` is seen to have its effect, to be taken back by its inverse, and to be refused without a
trace; batches are seen to stop where they fail and to say where. Links, ports and firewalls have files of their own.
"""

import errno
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.contract.rigs import GROUP, Rig
from tests.contract.scene import (
    ADDRESS4,
    ADDRESS6,
    BRIDGE,
    GATEWAYS,
    MACS,
    inverse_of,
    links,
    pair,
    plugged,
    refused,
)
from tests.fakes.host import FakeHost
from tests.fakes.machine import Machine

from netwright.errors import OperationFailed
from netwright.host import ops, queries
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    AnnounceAddress,
    CreateNamespace,
    DeleteAddress,
    DeleteNamespace,
    DeleteRoute,
    HoldPort,
    Mount,
    Op,
    ProxyNeighbour,
    ReplaceRoute,
    RetireLink,
    SetLinkUp,
    SetSysctl,
    Unmount,
)
from netwright.kernel.links import MESSAGES
from netwright.kernel.linux import LinuxHost
from netwright.kernel.names import CHANGES
from netwright.model.ports import Protocol


def test_every_operation_and_question_is_known_to_both(tmp_path: Path) -> None:
    fake = FakeHost(Machine(), group=GROUP)
    linux = LinuxHost(exec_root=str(tmp_path), group=GROUP)
    linux.close()
    assert set(fake._carry) == {*linux._carry, *linux._carry_together, *MESSAGES, *CHANGES} == kinds_of(ops, Op)
    assert set(fake._answer) == set(linux._answer) == kinds_of(queries, queries.Query)


def kinds_of(module: ModuleType, base: type) -> set[type]:
    found = {kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)}
    return found - {base}


async def test_an_empty_batch_is_nothing(rig: Rig) -> None:
    await rig.host.do([])


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_batch_stops_where_it_fails_and_says_how_much_is_done(rig: Rig, place: int) -> None:
    batch: list[Op] = [AddBridge(name=f"br{number}", mac=MACS[number], mtu=1500, group=GROUP) for number in range(3)]
    batch[place] = SetLinkUp(name="absent")
    failure = await refused(rig, *batch)
    assert (failure.done, failure.errno) == (place, errno.ENODEV)
    assert set(await links(rig)) == {"lo", *(f"br{number}" for number in range(place))}


async def test_a_failed_batch_does_not_harm_the_next(rig: Rig, inside: str) -> None:
    await refused(rig, CreateNamespace(path=inside), SetLinkUp(name="absent", netns=inside))
    await rig.host.do([DeleteNamespace(path=inside), CreateNamespace(path=inside), BRIDGE, pair(inside)])
    assert set(await links(rig, inside)) == {"lo", "eth0"}


async def test_a_namespace_is_made_with_its_loopback_up_and_ipv6_off_for_what_comes(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside)])
    found = await links(rig, inside)
    assert set(found) == {"lo"}
    assert found["lo"].up
    assert await rig.host.ask(queries.Sysctl("net/ipv6/conf/default/disable_ipv6", inside)) == "1"
    assert await rig.host.ask(queries.Namespaces(f"{rig.directory}/netns")) == (inside,)
    assert await rig.host.ask(queries.Mounts(f"{rig.directory}/netns")) == (inside,)


async def test_a_namespace_goes_with_its_pin(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), CreateNamespace(path=inside).inverse()])
    assert await rig.host.ask(queries.Namespaces(f"{rig.directory}/netns")) == ()
    assert await rig.host.ask(queries.Mounts(f"{rig.directory}/netns")) == ()
    with pytest.raises(OperationFailed):
        await rig.host.ask(queries.Links(inside))
    await rig.host.do([DeleteNamespace(path=inside)])


async def test_a_namespace_is_not_made_over_another(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside)])
    failure = await refused(rig, CreateNamespace(path=inside))
    assert failure.errno == errno.EEXIST
    assert "eth0" in await links(rig, inside)


async def test_a_bare_file_is_found_and_is_no_namespace(rig: Rig, inside: str) -> None:
    rig.write(inside, "")
    assert await rig.host.ask(queries.Namespaces(f"{rig.directory}/netns")) == (inside,)
    assert await rig.host.ask(queries.Mounts(f"{rig.directory}/netns")) == ()
    failure = await refused(rig, SetLinkUp(name="lo", netns=inside))
    assert failure.errno == errno.ENOENT
    await rig.host.do([CreateNamespace(path=inside)])
    assert set(await links(rig, inside)) == {"lo"}


async def test_there_are_no_namespaces_in_a_directory_that_is_not_there(rig: Rig) -> None:
    assert await rig.host.ask(queries.Namespaces(f"{rig.directory}/absent")) == ()


@pytest.mark.parametrize(
    "op",
    [
        SetLinkUp(name="lo", netns="{}"),
        AddAddress(link="lo", address=ADDRESS4, netns="{}"),
        SetSysctl(key="net/ipv4/ip_forward", value="1", netns="{}"),
        RetireLink(name="eth0", netns="{}"),
        DeleteAddress(link="eth0", address=ADDRESS4, netns="{}"),
        DeleteRoute(version=4, destination=None, link="eth0", netns="{}"),
    ],
    ids=lambda op: type(op).__name__,
)
async def test_nothing_can_be_done_in_a_namespace_that_is_not_there(rig: Rig, inside: str, op: Any) -> None:
    with_path = type(op)(**{name: getattr(op, name) for name in op.__slots__} | {"netns": inside})
    assert (await refused(rig, with_path)).errno == errno.ENOENT


async def test_a_sysctl_is_written_where_it_belongs(rig: Rig, inside: str) -> None:
    key = "net/ipv4/ip_forward"
    before = await rig.host.ask(queries.Sysctl(key))
    await rig.host.do([CreateNamespace(path=inside), SetSysctl(key=key, value="1", netns=inside)])
    assert await rig.host.ask(queries.Sysctl(key, inside)) == "1"
    assert await rig.host.ask(queries.Sysctl(key)) == before == "0"
    await rig.host.do([BRIDGE, SetSysctl(key="net/ipv4/conf/br0/route_localnet", value="1")])
    assert await rig.host.ask(queries.Sysctl("net/ipv4/conf/br0/route_localnet")) == "1"


async def test_a_sysctl_that_is_not_there_is_a_failure_unless_it_is_optional(rig: Rig) -> None:
    key = "net/ipv4/conf/absent/route_localnet"
    assert "absent" in str(await refused(rig, SetSysctl(key=key, value="1")))
    await rig.host.do([SetSysctl(key=key, value="1", optional=True)])
    assert await rig.host.ask(queries.Sysctl(key)) is None


async def test_an_announcement_never_fails(rig: Rig, inside: str) -> None:
    await plugged(rig, inside)
    told = AnnounceAddress(link="eth0", mac=MACS[3], addresses=(ADDRESS4.ip, ADDRESS6.ip), netns=inside)
    await rig.host.do([told, RetireLink(name="eth0", netns=inside), told, DeleteNamespace(path=inside), told])


async def test_a_mount_stands_once_and_goes(rig: Rig) -> None:
    target = f"{rig.directory}/mounts/here"
    rig.write(f"{target}/file", "")
    mount = Mount(source="tmpfs", target=target, type="tmpfs", options="size=64k")
    await rig.host.do([mount, mount])
    assert await rig.host.ask(queries.Mounts(f"{rig.directory}/mounts")) == (target,)
    await rig.host.do([mount.inverse(), Unmount(target=target)])
    assert await rig.host.ask(queries.Mounts(f"{rig.directory}/mounts")) == ()


async def test_a_file_is_read_and_its_absence_is_no_failure(rig: Rig) -> None:
    path = f"{rig.directory}/words"
    assert await rig.host.ask(queries.ReadFile(path)) is None
    rig.write(path, "words\n")
    assert await rig.host.ask(queries.ReadFile(path)) == "words\n"


async def test_ipv6_is_told_of(rig: Rig) -> None:
    assert await rig.host.ask(queries.HasIPv6()) is True


def every_inverse() -> Sequence[Op]:
    where: Any = {"protocol": Protocol.TCP, "address": ip_address("127.0.0.1"), "port": 8080}
    made: list[Op] = [
        BRIDGE,
        AddAddress(link="br0", address=ADDRESS4),
        ReplaceRoute(version=4, destination=None, gateway=GATEWAYS[4], link="br0"),
        HoldPort(**where),
        ProxyNeighbour(link="br0", address=GATEWAYS[6]),
    ]
    return [inverse_of(op) for op in made]


@pytest.mark.parametrize("back", every_inverse(), ids=lambda op: type(op).__name__)
async def test_an_inverse_is_content_with_work_already_undone(rig: Rig, back: Op) -> None:
    await rig.host.do([back, back])
