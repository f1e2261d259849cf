"""Which interfaces of the host are ours, as networks come and go."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ipam.networks import network

from netwright.controller.own_links import OwnLinks
from netwright.controller.state import State
from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.model.names import Id
from netwright.model.network import Network
from netwright.store.memory import MemoryStore

DRIVERS = builtin(BridgeSettings(group=1))


def commit(state: State, *, put: Sequence[Network], delete: Sequence[Network] = ()) -> None:
    """Write and delete rows, and wait for the store."""

    async def written() -> None:
        await state.commit(put=put, delete=delete)

    asyncio.run(written())


def links_after(steps: Iterable[Iterable[int]]) -> tuple[State, OwnLinks]:
    """Return the links after networks were made where there was none and removed where there was one, step by step."""
    state = State(MemoryStore())
    links = OwnLinks(state, DRIVERS)
    for step in steps:
        rows = [network(f"n{number}") for number in step]
        gone = [row for row in rows if row.id in state.networks]
        commit(state, put=[row for row in rows if row not in gone], delete=gone)
        links.of_networks()
    return state, links


@given(st.lists(st.sets(st.integers(0, 6), max_size=4), max_size=8))
def test_they_are_those_of_the_networks_that_there_are(steps: list[set[int]]) -> None:
    state, links = links_after(steps)

    assert links.of_networks() == {f"br-{row.id}" for row in state.networks.values()}
    for number in range(7):
        identity = Id(f"n{number}")
        there = identity in state.networks
        assert links.of(identity) == ((f"br-{identity}",) if there else ())
        assert links.network(f"br-{identity}") == state.networks.get(identity)


def test_a_name_that_passes_to_another_network_stays_known() -> None:
    named = {"com.docker.network.bridge.name": "mine"}
    state = State(MemoryStore())
    links = OwnLinks(state, DRIVERS)
    first, second = (replace(network(name), options=named) for name in ("first", "second"))
    commit(state, put=[first])
    assert links.network("mine") == first

    commit(state, put=[second], delete=[first])

    assert links.network("mine") == second
    assert links.of_networks() == {"mine"}
