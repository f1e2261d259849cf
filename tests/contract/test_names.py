"""Names, on every kind of host."""

import errno
from dataclasses import replace

import pytest
from tests.contract.rigs import Rig
from tests.contract.scene import inverse_of, refused

from netwright.dns.zone import Joined, Member, View
from netwright.errors import OperationFailed
from netwright.host import queries
from netwright.host.ops import (
    CreateNamespace,
    PublishNames,
    ReplaceNames,
    ServeNames,
    SetNameView,
    StopNames,
    WithdrawNames,
)
from netwright.model.listener import Listener

SEES = View(networks=(Joined(id="net", name="one"),), egress=False)
BLIND = View(egress=False)


def member(endpoint: str, name: str, last: int) -> Member:
    return Member(network="net", endpoint=endpoint, names=(name,), addresses=(bytes((10, 0, 0, last)),))


WEB, DB = member("web", "web", 1), member("db", "db", 2)


async def serve(rig: Rig, inside: str, view: View = SEES) -> ServeNames:
    serve = ServeNames(netns=inside, view=view)
    await rig.host.do([CreateNamespace(path=inside), serve])
    return serve


async def served(rig: Rig) -> tuple[str, ...]:
    return await rig.host.ask(queries.NamesServed(f"{rig.directory}/netns"))


async def test_names_are_answered_from_serving_to_stopping(rig: Rig, inside: str) -> None:
    assert await served(rig) == ()
    begun = await serve(rig, inside)
    await rig.host.do([PublishNames(member=WEB)])
    assert await served(rig) == (inside,)
    assert rig.addresses(inside, "web") == ["10.0.0.1"]
    await rig.host.do([inverse_of(begun), StopNames(netns=inside)])
    assert await served(rig) == ()
    assert rig.addresses(inside, "web") is None


async def test_a_namespace_that_is_not_there_cannot_be_served(rig: Rig, inside: str) -> None:
    assert (await refused(rig, ServeNames(netns=inside, view=SEES))).errno == errno.ENOENT
    assert await served(rig) == ()


async def test_a_name_is_known_from_publishing_to_withdrawing(rig: Rig, inside: str) -> None:
    await serve(rig, inside)
    published = PublishNames(member=WEB)
    assert rig.addresses(inside, "web") is None
    await rig.host.do([published])
    assert rig.addresses(inside, "web") == ["10.0.0.1"]
    await rig.host.do([inverse_of(published), WithdrawNames(member=WEB)])
    assert rig.addresses(inside, "web") is None
    await rig.host.do([inverse_of(WithdrawNames(member=WEB))])
    assert rig.addresses(inside, "web") == ["10.0.0.1"]


async def test_a_sandbox_sees_what_its_view_says(rig: Rig, inside: str) -> None:
    await serve(rig, inside)
    change = SetNameView(netns=inside, view=BLIND, undo=SEES)
    await rig.host.do([PublishNames(member=WEB), change])
    assert rig.addresses(inside, "web") is None
    await rig.host.do([inverse_of(change)])
    assert rig.addresses(inside, "web") == ["10.0.0.1"]


async def test_what_is_answered_is_explained(rig: Rig, inside: str) -> None:
    await serve(rig, inside)
    await rig.host.do([PublishNames(member=WEB)])
    said = await rig.host.ask(queries.ExplainName(netns=inside, name="web.one", kind="a"))
    assert (said.source, said.told, said.why) == ("zone", ("10.0.0.1",), "a name on network one")
    said = await rig.host.ask(queries.ExplainName(netns=inside, name="else", kind="A"))
    assert said.source == "nowhere"


@pytest.mark.parametrize(
    ("name", "kind", "number"), [("web", "X", errno.EINVAL), ("a..b", "A", errno.EINVAL), ("web", "A", errno.ENOENT)]
)
async def test_what_cannot_be_asked_is_refused(rig: Rig, inside: str, name: str, kind: str, number: int) -> None:
    if number != errno.ENOENT:
        await serve(rig, inside)
    with pytest.raises(OperationFailed) as failure:
        await rig.host.ask(queries.ExplainName(netns=inside, name=name, kind=kind))
    assert failure.value.errno == number


async def test_each_namespace_that_is_served_is_counted(rig: Rig, inside: str) -> None:
    await serve(rig, inside)
    (counts,) = await rig.host.ask(queries.NamesCounted(f"{rig.directory}/netns"))
    assert (counts.netns, counts.queries) == (inside, 0)


async def test_all_names_are_replaced_at_once(rig: Rig, inside: str) -> None:
    await serve(rig, inside, BLIND)
    await rig.host.do([PublishNames(member=WEB), ReplaceNames(members=(DB,), views={inside: SEES})])
    assert rig.addresses(inside, "db") == ["10.0.0.2"]
    assert rig.addresses(inside, "web") is None


@pytest.mark.parametrize("address", ["127.0.0.153", "[::1]:5353"])
async def test_the_host_is_answered_at_a_place_of_its_own(rig: Rig, address: str) -> None:
    place = Listener.parse(address).place
    begun = ServeNames(netns=place, view=replace(SEES, outside=True))
    await rig.host.do([PublishNames(member=WEB), begun])
    assert await served(rig) == (place,)
    said = await rig.host.ask(queries.ExplainName(netns=place, name="web.one", kind="A"))
    assert (said.source, said.told) == ("zone", ("10.0.0.1",))
    said = await rig.host.ask(queries.ExplainName(netns=place, name="else", kind="A"))
    assert (said.source, said.servers) == ("nowhere", ())
    assert await rig.host.ask(queries.NamesCounted(f"{rig.directory}/netns")) == ()
    await rig.host.do([inverse_of(begun), StopNames(netns=place)])
    assert await served(rig) == ()
