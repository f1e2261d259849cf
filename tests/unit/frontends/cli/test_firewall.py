"""`firewall check`."""

from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import netwright

LACKING = {
    "Where": "table inet netwright-4f2a11 set open4",
    "What": "10.60.0.2 . tcp . 80",
    "Fault": "missing",
    "Cure": "nft add element inet netwright-4f2a11 open4 '{ 10.60.0.2 . tcp . 80 }'",
}


def test_nothing_that_differs_is_said_in_one_line(engine: FakeEngine) -> None:
    engine.on("GET /netwright/firewall/check", Answer(json={"Differences": [], "Notes": ["firewalld is in force"]}))
    result = netwright(engine, "firewall", "check")

    assert (result.code, result.lines) == (0, ["everything stands as it should", "note: firewalld is in force"])
    assert not engine.asked("POST /netwright/firewall/repair")


def test_each_difference_is_told_with_its_cure_and_by_the_exit_code(engine: FakeEngine) -> None:
    engine.on("GET /netwright/firewall/check", Answer(json={"Differences": [LACKING], "Notes": []}))
    result = netwright(engine, "firewall", "check")

    assert result.code == 3
    assert result.lines == [
        f"missing in {LACKING['Where']}: {LACKING['What']}",
        f"  cure: {LACKING['Cure']}",
        "1 difference; netwright firewall check --repair puts right what it can",
    ]


def test_it_repairs_first_if_it_is_told_to(engine: FakeEngine) -> None:
    engine.on("POST /netwright/firewall/repair", Answer(status=204))
    engine.on("GET /netwright/firewall/check", Answer(json={"Differences": [], "Notes": []}))
    assert netwright(engine, "firewall", "check", "--repair").code == 0
    assert [request.method for request in engine.requests if "firewall" in request.path] == ["POST", "GET"]


def test_a_check_that_cannot_be_made_has_another_code(engine: FakeEngine) -> None:
    engine.on("GET /netwright/firewall/check", Answer(status=500, json={"message": "nft is not there"}))
    assert netwright(engine, "firewall", "check").code == 1
