"""`check` and `repair`."""

import json

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import netwright

WIRE = {"Subject": "web", "What": "its interface eth0 is missing", "Cure": "make it again"}
STRANGER = {"Subject": "network blue", "What": "br-1 is not ours", "Cure": "remove it"}


def test_each_difference_is_told_with_its_cure_and_by_the_exit_code(engine: FakeEngine) -> None:
    engine.on("GET /netwright/check", Answer(json=[WIRE]))
    result = netwright(engine, "check")

    assert (result.code, result.lines) == (3, ["web: its interface eth0 is missing", "    cure: make it again"])


def test_no_difference_is_a_success(engine: FakeEngine) -> None:
    engine.on("GET /netwright/check", Answer(json=[]))
    result = netwright(engine, "check")

    assert (result.code, result.lines) == (0, ["nothing: everything is as it should be"])


def test_a_script_gets_the_engines_answer(engine: FakeEngine) -> None:
    engine.on("GET /netwright/check", Answer(json=[WIRE]))
    result = netwright(engine, "check", "--json")

    assert (result.code, json.loads(result.lines[0])) == (3, [WIRE])


def test_a_repair_tells_what_it_did_and_by_the_exit_code_that_something_is_left(
    engine: FakeEngine,
) -> None:
    engine.on("POST /netwright/repair", Answer(json={"Mended": [WIRE], "Left": [STRANGER]}))
    result = netwright(engine, "repair")

    assert result.code == 3
    assert result.lines == [
        "web: its interface eth0 is missing",
        "    done: make it again",
        "network blue: br-1 is not ours",
        "    could not be done: remove it",
    ]


@pytest.mark.parametrize(("verb", "asked"), [("check", "GET /netwright/check"), ("repair", "POST /netwright/repair")])
def test_what_could_not_be_made_has_another_code(engine: FakeEngine, verb: str, asked: str) -> None:
    engine.on(asked, Answer(status=500, json={"message": "nft is not there"}))
    assert netwright(engine, verb).code == 1


def test_a_repair_of_all_is_a_success(engine: FakeEngine) -> None:
    engine.on("POST /netwright/repair", Answer(json={"Mended": [WIRE], "Left": []}))
    assert netwright(engine, "repair").code == 0

    engine.on("POST /netwright/repair", Answer(json={"Mended": [], "Left": []}))
    assert netwright(engine, "repair").lines == ["nothing to repair: everything is as it should be"]
