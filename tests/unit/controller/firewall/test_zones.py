"""Bridges are in firewalld's zone while their networks live; firewalld may come, go, fail and hang as it likes."""

from collections.abc import AsyncIterator

import pytest
from tests.fakes.firewalld import FakeFirewalld
from tests.unit.controller.world import World, network

from netwright.controller.engine import NetworkEngine
from netwright.controller.firewall import zones
from netwright.firewall.firewalld import DESCRIPTION, POLICY, ZONE
from netwright.host.firewalld import FirewalldReloaded

BRIDGE = "com.docker.network.bridge.name"


async def started(firewalld: FakeFirewalld | None, world: World | None = None) -> NetworkEngine:
    """Return a network engine that follows firewalld."""
    engine = await (world or World()).live()
    if firewalld is not None:
        engine.zones.use(firewalld)
    await engine.zones.start()
    return engine


async def make(engine: NetworkEngine, name: str) -> None:
    """Make a network whose bridge has its name."""
    await engine.networks.create(network(name, options={BRIDGE: name}))


@pytest.fixture
def firewalld() -> FakeFirewalld:
    """Return a firewalld that runs."""
    return FakeFirewalld()


@pytest.fixture
async def engine(firewalld: FakeFirewalld) -> AsyncIterator[NetworkEngine]:
    """Return an engine beside it, with a network `blue`."""
    engine = await started(firewalld)
    await make(engine, "blue")
    yield engine
    engine.close()


async def settled(engine: NetworkEngine) -> None:
    """Wait until what was heard is done."""
    await engine.zones._settled()


async def test_a_bridge_is_in_the_zone_from_the_making_of_its_network_to_its_end(
    engine: NetworkEngine, firewalld: FakeFirewalld
) -> None:
    assert firewalld.in_force[ZONE] == {"docker0", "blue"}

    await engine.networks.remove("blue")

    assert firewalld.in_force[ZONE] == {"docker0"}


async def test_the_zone_is_made_once_and_firewalld_reloaded_once_for_it(
    engine: NetworkEngine, firewalld: FakeFirewalld
) -> None:
    assert firewalld.written[ZONE] == DESCRIPTION
    assert firewalld.policies_in_force == {POLICY}
    engine.zones.close()

    await engine.zones.start()
    firewalld.come()
    await settled(engine)

    assert firewalld.reloads == 1


async def test_what_firewalld_forgets_is_put_back(engine: NetworkEngine, firewalld: FakeFirewalld) -> None:
    for forget in (firewalld.reloaded, firewalld.come):
        forget()
        assert not firewalld.in_force[ZONE]
        await settled(engine)
        assert firewalld.in_force[ZONE] == {"docker0", "blue"}


async def test_networks_that_went_while_firewalld_was_away_are_not_put_back(
    engine: NetworkEngine, firewalld: FakeFirewalld
) -> None:
    firewalld.go()
    await engine.networks.remove("blue")
    await make(engine, "green")

    firewalld.come()
    await settled(engine)

    assert firewalld.in_force[ZONE] == {"docker0", "green"}


async def test_a_bridge_in_the_zone_of_the_administrators_choice_stays_there_and_that_is_told_once(
    engine: NetworkEngine, firewalld: FakeFirewalld, caplog: pytest.LogCaptureFixture
) -> None:
    firewalld.place("blue", "trusted")
    for _ in range(2):
        engine.zones.hear(FirewalldReloaded())
        await settled(engine)

    assert firewalld.in_force["trusted"] == {"blue"}
    assert [record.args for record in caplog.records if "trusted" in record.getMessage()] == [
        ("blue", "trusted", "trusted", "blue", ZONE)
    ]

    firewalld.release("blue", "trusted")
    await settled(engine)
    assert "blue" in firewalld.in_force[ZONE]


async def test_a_bridge_taken_out_by_hand_stays_out_until_a_reload(
    engine: NetworkEngine, firewalld: FakeFirewalld
) -> None:
    firewalld.release("blue", ZONE)
    await make(engine, "green")
    await settled(engine)
    assert firewalld.in_force[ZONE] == {"docker0", "green"}

    firewalld.reloaded()
    await settled(engine)
    assert "blue" in firewalld.in_force[ZONE]


async def test_what_failed_is_tried_again(
    engine: NetworkEngine, firewalld: FakeFirewalld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zones, "RETRY", 0.0)
    firewalld.broken = True
    await make(engine, "green")
    await engine.networks.remove("blue")
    assert firewalld.in_force[ZONE] == {"docker0", "blue"}

    firewalld.broken = False
    engine.zones._look_again()
    await settled(engine)

    assert firewalld.in_force[ZONE] == {"docker0", "green"}


async def test_a_firewalld_that_hangs_holds_up_neither_a_start_nor_a_network_for_long(
    firewalld: FakeFirewalld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(zones, "PATIENCE", 0.01)
    firewalld.hangs = True

    engine = await started(firewalld)
    await make(engine, "blue")
    await engine.networks.remove("blue")

    assert "firewalld has not answered" in caplog.text
    assert "does not follow network blue yet" in caplog.text
    engine.close()


async def test_where_firewalld_does_not_run_nothing_is_asked_of_it() -> None:
    firewalld = FakeFirewalld(runs=False)
    engine = await started(firewalld)

    await make(engine, "blue")
    await engine.uninstall()

    assert firewalld.calls == 0
    engine.close()


async def test_an_engine_without_firewalld_makes_networks_all_the_same() -> None:
    engine = await started(None)
    await make(engine, "blue")
    await engine.uninstall()
    assert not engine.networks.list()
    engine.close()


async def test_uninstalling_takes_bridges_zone_and_policy_away(engine: NetworkEngine, firewalld: FakeFirewalld) -> None:
    firewalld.in_force[ZONE].add("br-of-a-network-that-went-before")
    engine.zones.close()

    await engine.uninstall()

    assert ZONE not in firewalld.in_force
    assert not firewalld.policies_in_force


@pytest.mark.parametrize("description", ["zone for docker bridge network interfaces", DESCRIPTION])
async def test_uninstalling_spares_the_zone_of_others_and_one_that_they_use(
    engine: NetworkEngine, firewalld: FakeFirewalld, description: str
) -> None:
    firewalld.written[ZONE] = description
    if description == DESCRIPTION:
        firewalld.place("stranger", ZONE)
    engine.zones.close()

    await engine.uninstall()

    assert firewalld.in_force[ZONE] == ({"stranger"} if description == DESCRIPTION else set())
    assert POLICY in firewalld.policies_in_force
