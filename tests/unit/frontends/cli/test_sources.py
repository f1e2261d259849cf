"""`sources`."""

from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import netwright

OFFICE = {"Name": "office", "Sources": ["203.0.113.0/24", "2001:db8::1"], "UsedBy": ["web"]}
NOBODY = {"Name": "spare", "Sources": [], "UsedBy": []}


def test_sets_are_listed_with_who_is_in_them_and_who_uses_them(engine: FakeEngine) -> None:
    engine.on("GET /netwright/sources", Answer(json=[OFFICE, NOBODY]))

    table = netwright(engine, "sources", "ls").lines
    assert [line.split() for line in table] == [
        ["NAME", "SOURCES", "USED", "BY"],
        ["office", "203.0.113.0/24,", "2001:db8::1", "web"],
        ["spare", "nobody"],
    ]
    assert netwright(engine, "sources", "ls", "-q").lines == ["office", "spare"]


def test_each_verb_says_what_becomes_of_a_set(engine: FakeEngine) -> None:
    for method in ("PUT", "POST"):
        engine.on(f"{method} /netwright/sources/office", Answer(json=OFFICE))
    engine.on("DELETE /netwright/sources/office", Answer(status=204))

    for words in (["set", "office", "203.0.113.0/24"], ["set", "office"], ["add", "office", "::1"]):
        assert netwright(engine, "sources", *words).code == 0
    assert netwright(engine, "sources", "drop", "office", "::1", "::2").code == 0
    assert netwright(engine, "sources", "rm", "office").lines == ["office"]

    said = [(request.method, request.json) for request in engine.requests if "sources" in request.path]
    assert said == [
        ("PUT", {"Sources": ["203.0.113.0/24"]}),
        ("PUT", {"Sources": []}),
        ("POST", {"Add": ["::1"]}),
        ("POST", {"Remove": ["::1", "::2"]}),
        ("DELETE", None),
    ]
