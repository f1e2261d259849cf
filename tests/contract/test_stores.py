"""What a store promises, on disk or in memory: one suite for both."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netwright.controller.firewall.forwarding import HostChange
from netwright.model.names import new_id
from netwright.model.network import Sandbox
from netwright.store.api import Delete, Put, Store
from netwright.store.memory import MemoryStore
from netwright.store.sqlite import SqliteStore

Open = Callable[[], Store]


@pytest.fixture(params=["sqlite", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Give what opens a store, the same rows again whenever it is called."""
    memory = MemoryStore()
    stores: list[Store] = []

    def open_again() -> Store:
        for before in stores:
            before.close()
        store: Store = memory if request.param == "memory" else SqliteStore(tmp_path / "data" / "state.db")
        stores.append(store)
        return store

    yield open_again
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


def change(key: str, before: str = "0") -> HostChange:
    return HostChange(id=key, before=before)


def put(key: str, before: str = "0") -> Put:
    return Put(key, change(key, before))


async def test_an_empty_store_has_no_rows(store: Store) -> None:
    assert store.load(HostChange) == {}
    await store.commit([])


async def test_what_is_put_is_there_and_is_there_after_a_restart(store: Store, opened: Open) -> None:
    await store.commit([put("a"), put("b")])
    assert store.load(HostChange) == {"a": change("a"), "b": change("b")}
    assert opened().load(HostChange) == {"a": change("a"), "b": change("b")}


async def test_a_row_is_replaced_under_its_key_and_keeps_its_place(store: Store) -> None:
    await store.commit([put("b"), put("a")])
    await store.commit([put("b", "1")])
    assert list(store.load(HostChange).items()) == [("b", change("b", "1")), ("a", change("a"))]


async def test_what_is_deleted_is_gone_and_may_have_been_gone(store: Store) -> None:
    await store.commit([put("a"), put("b")])
    await store.commit([Delete(HostChange, "a"), Delete(HostChange, "never")])
    assert list(store.load(HostChange)) == ["b"]


async def test_changes_of_one_commit_are_carried_out_in_their_order(store: Store) -> None:
    await store.commit([put("a", "1"), Delete(HostChange, "a"), put("a", "2")])
    assert store.load(HostChange) == {"a": change("a", "2")}


async def test_kinds_are_apart(store: Store) -> None:
    row = Sandbox(id=new_id(), owner=new_id(), name="web", hostname="web")
    await store.commit([Put("a", row), put("a")])
    await store.commit([Delete(HostChange, "a")])
    assert store.load(Sandbox) == {"a": row}
    assert store.load(HostChange) == {}


async def test_commits_are_carried_out_in_the_order_in_which_they_are_asked_for(store: Store) -> None:
    first, second = store.commit([put("a", "1")]), store.commit([put("a", "2")])
    await second
    await first
    assert store.load(HostChange) == {"a": change("a", "2")}


async def test_many_at_once_are_all_carried_out(store: Store) -> None:
    await asyncio.gather(*(store.commit([put(str(number))]) for number in range(50)))
    assert set(store.load(HostChange)) == {str(number) for number in range(50)}


async def test_a_commit_is_carried_out_though_its_caller_is_cancelled(store: Store) -> None:
    async def write() -> None:
        await store.commit([put("a")])

    task = asyncio.ensure_future(write())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await store.commit([put("b")])
    assert set(store.load(HostChange)) == {"a", "b"}


async def test_to_close_twice_is_content(store: Store) -> None:
    await store.commit([put("a")])
    store.close()
    store.close()
