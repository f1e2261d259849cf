"""Limits of the host are told before they bite."""

from typing import Any

import pytest

from netwright.controller import limits


class Switches:
    """A host that has these switches and no others."""

    def __init__(self, **values: int) -> None:
        self._values = {limits.NEIGHBOURS: "neighbours", limits.FLOWS: "flows", limits.FLOWS_MAX: "most"}
        self._set = values

    async def do(self, ops: Any) -> None:
        raise NotImplementedError

    async def ask(self, query: Any) -> Any:
        value = self._set.get(self._values[query.key])
        return None if value is None else f"{value}\n"


@pytest.mark.parametrize(("endpoints", "told"), [(818, 0), (820, 1), (2000, 1)])
async def test_a_host_that_will_forget_neighbours_is_told_of(endpoints: int, told: int) -> None:
    found = await limits.near(Switches(neighbours=1024), endpoints)

    assert len(found) == told
    assert all(one.cure == "raise net.ipv4.neigh.default.gc_thresh3" for one in found)


async def test_a_host_that_will_drop_connections_is_told_of() -> None:
    assert await limits.near(Switches(flows=100, most=1000), 1) == []
    (found,) = await limits.near(Switches(flows=900, most=1000), 1)

    assert str(found) == "the host: it tracks 900 of at most 1000 connections, and will drop new ones"


async def test_what_the_kernel_does_not_tell_is_no_limit() -> None:
    assert await limits.near(Switches(), 10_000) == []
