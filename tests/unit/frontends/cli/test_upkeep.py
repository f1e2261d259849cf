"""`check` and `repair`."""

import json

from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import netwright

WIRE = {"Subject": "web", "What": "its interface eth0 is missing", "Cure": "make it again"}
STRANGER = {"Subject": "network blue", "What": "br-1 is not ours", "Cure": "remove it"}


def test_each_difference_is_told_with_its_cure_and_is_a_failure(engine: FakeEngine) -> None:
    engine.on("GET /netwright/check", Answer(json=[WIRE]))
    result = netwright(engine, "check")

    assert (result.code, result.lines) == (1, ["web: its interface eth0 is missing", "    cure: make it again"])


def test_no_difference_is_a_success(engine: FakeEngine) -> None:
    engine.on("GET /netwright/check", Answer(json=[]))
    result = netwright(engine, "check")

    assert (result.code, result.lines) == (0, ["nothing: everything is as it should be"])


def test_a_script_gets_the_engines_answer(engine: FakeEngine) -> None:
    engine.on("GET /netwright/check", Answer(json=[WIRE]))
    result = netwright(engine, "check", "--json")

    assert (result.code, json.loads(result.lines[0])) == (1, [WIRE])


def test_a_repair_tells_what_it_did_and_fails_where_something_is_left(engine: FakeEngine) -> None:
    engine.on("POST /netwright/repair", Answer(json={"Mended": [WIRE], "Left": [STRANGER]}))
    result = netwright(engine, "repair")

    assert result.code == 1
    assert result.lines == [
        "web: its interface eth0 is missing",
        "    done: make it again",
        "network blue: br-1 is not ours",
        "    could not be done: remove it",
    ]


def test_a_repair_of_all_is_a_success(engine: FakeEngine) -> None:
    engine.on("POST /netwright/repair", Answer(json={"Mended": [WIRE], "Left": []}))
    assert netwright(engine, "repair").code == 0

    engine.on("POST /netwright/repair", Answer(json={"Mended": [], "Left": []}))
    assert netwright(engine, "repair").lines == ["nothing to repair: everything is as it should be"]
