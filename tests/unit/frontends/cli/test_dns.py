"""`dns query` and `dns stats`."""

from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import netwright

KNOWN = {
    "Name": "db", "Type": "A", "Source": "zone", "Why": "a name on network one",
    "Told": ["10.0.0.2"], "Clash": "two", "Servers": [],
}  # fmt: skip


def test_an_answer_is_told_with_its_reason(engine: FakeEngine) -> None:
    engine.on("GET /netwright/containers/web/dns", Answer(json=KNOWN))
    result = netwright(engine, "dns", "query", "db", "--from", "web")

    assert result.code == 0
    assert result.lines == [
        "db A 10.0.0.2",
        "why: a name on network one",
        "note: network two knows another one: db.two",
    ]
    assert engine.asked("GET /netwright/containers/web/dns")[0].query == {"name": "db", "type": "A"}


def test_a_name_that_goes_nowhere_is_a_failure(engine: FakeEngine) -> None:
    nowhere = {**KNOWN, "Source": "nowhere", "Told": [], "Clash": "", "Why": "no way out"}
    engine.on("GET /netwright/containers/web/dns", Answer(json=nowhere))
    result = netwright(engine, "dns", "query", "example.org", "--from", "web", "--type", "AAAA")

    assert (result.code, result.lines) == (1, ["why: no way out"])


def test_without_a_container_it_is_the_host_who_asks(engine: FakeEngine) -> None:
    engine.on("GET /netwright/dns/host", Answer(json={**KNOWN, "Name": "db.one", "Clash": ""}))
    result = netwright(engine, "dns", "query", "db.one", "--type", "A")

    assert (result.code, result.lines) == (0, ["db.one A 10.0.0.2", "why: a name on network one"])
    assert engine.asked("GET /netwright/dns/host")[0].query == {"name": "db.one", "type": "A"}


def test_where_the_host_is_not_answered_it_is_said_what_to_do(engine: FakeEngine) -> None:
    engine.on("GET /netwright/dns/host", Answer(status=409, json={"message": "start the engine with --host-names"}))
    result = netwright(engine, "dns", "query", "db")

    assert result.code == 1
    assert "start the engine with --host-names" in result.err


def test_figures_are_shown_by_container(engine: FakeEngine) -> None:
    figures = {"Queries": 9, "InKernel": 3, "Forwards": 4, "Cached": 1, "Failures": 0, "Refused": 0, "Malformed": 0}
    engine.on("GET /netwright/dns", Answer(json=[{"Name": "web", **figures, "ForwardSeconds": 0.01}]))
    result = netwright(engine, "dns", "stats")

    assert result.lines[0].split()[:5] == ["CONTAINER", "QUERIES", "IN", "KERNEL", "FORWARDED"]
    assert result.lines[1].split() == ["web", "9", "3", "4", "1", "0", "0", "0", "2.5ms"]
