"""Names over HTTP."""

from tests.unit.api.client import Http
from tests.unit.api.fakes import FakeEngine

from netwright.host.queries import NameCounts


async def make(http: Http) -> str:
    status, made = await http.call("POST", "/containers/create?name=web", {"Image": "busybox"})
    assert status == 201
    return str(made["Id"])


async def test_what_a_container_would_be_answered_is_told_with_its_reason(http: Http, engine: FakeEngine) -> None:
    await make(http)
    said = await http.get("/netwright/containers/web/dns?name=db&type=aaaa")

    assert said["Why"] == "a name on network back"
    assert (said["Name"], said["Type"], said["Source"], said["Told"]) == ("db", "AAAA", "zone", ["10.0.0.2"])
    assert engine.questions.asked == [(engine.containers.get("web").sandbox, "db", "AAAA")]


async def test_so_is_what_the_host_would_be_answered(http: Http, engine: FakeEngine) -> None:
    said = await http.get("/netwright/dns/host?name=db.shop")

    assert (said["Name"], said["Type"], said["Told"]) == ("db.shop", "A", ["10.0.0.2"])
    assert engine.questions.asked == [(None, "db.shop", "A")]


async def test_bad_questions_are_refused(http: Http) -> None:
    await make(http)
    assert (await http.call("GET", "/netwright/dns/host?type=A"))[0] == 400
    assert (await http.call("GET", "/netwright/dns/host?name=a&type=X"))[0] == 400
    assert (await http.call("GET", "/netwright/containers/web/dns"))[0] == 400
    assert (await http.call("GET", "/netwright/containers/web/dns?name=a&type=X"))[0] == 400
    assert (await http.call("GET", "/netwright/containers/nobody/dns?name=a"))[0] == 404


async def test_queries_are_counted_by_container(http: Http, engine: FakeEngine) -> None:
    identity = await make(http)
    sandbox = engine.containers.get("web").sandbox
    engine.questions.counted[sandbox] = NameCounts(netns="x", queries=7, forwards=2, seconds=0.25)

    (counts,) = await http.get("/netwright/dns")

    assert (counts["Container"], counts["Name"]) == (identity, "web")
    assert (counts["Queries"], counts["Forwards"], counts["ForwardSeconds"]) == (7, 2, 0.25)
