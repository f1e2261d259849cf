"""What the disk refuses in a container's life can be tried again, is told to whoever waits, and is never stuck."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest
from tests.kernel.container_engine import Engine, inside

from netwright.errors import SystemFailure, TeardownFailed
from netwright.model.container import Container, HostSettings, Status
from netwright.store.api import Change, Delete, Put, Store

T = TypeVar("T")

FULL = "database or disk is full"


class FullDisk:
    """A store that refuses commits for as long as it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refuses: Callable[[Change], bool] = lambda _: False

    def load(self, kind: type[T]) -> dict[str, T]:
        return self._store.load(kind)

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        if any(map(self.refuses, changes)):
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(SystemFailure(FULL))
            return failed
        return self._store.commit(changes)

    def close(self) -> None:
        self._store.close()


async def full_disk(engine: Engine) -> FullDisk:
    """Let an engine write to a disk that may be full."""
    disk = FullDisk(engine.store)
    engine.store = engine.sandboxes._store = disk
    await engine.come_back()
    return disk


def anything(_: Change) -> bool:
    return True


def the_end_of_a_row(change: Change) -> bool:
    return isinstance(change, Delete) and change.kind is Container


def news_of_removals(change: Change) -> bool:
    return isinstance(change, Put) and isinstance(change.value, Container) and change.value.state.status in _GOING


_GOING = {Status.REMOVING, Status.DEAD}


@inside
async def test_a_removal_whose_end_the_disk_refuses_can_be_tried_again(engine: Engine) -> None:
    disk = await full_disk(engine)
    row = await engine.create("true", name="web")
    disk.refuses = lambda change: (
        the_end_of_a_row(change)
        or (news_of_removals(change) and engine.services.containers.get("web").state.status is Status.REMOVING)
    )
    with pytest.raises(TeardownFailed, match=FULL):
        await engine.services.containers.remove("web")
    assert engine.services.containers.get("web").state.status is Status.DEAD
    disk.refuses = lambda _: False
    await engine.services.containers.remove("web")
    assert engine.services.containers.list() == []
    assert not (engine.directory / "data" / "containers" / row.id).exists()


@inside
async def test_a_disk_that_stays_full_leaves_nothing_unseen_of_a_creation_and_its_own_words_are_heard(
    engine: Engine,
) -> None:
    disk = await full_disk(engine)
    disk.refuses = lambda change: (
        not (
            isinstance(change, Put)
            and isinstance(change.value, Container)
            and change.value.state.status is Status.CREATING
        )
    )
    with pytest.raises(SystemFailure) as refused:
        await engine.create("true", name="web")
    assert str(refused.value) == FULL
    assert [(row.name, row.state.status) for row in engine.services.containers.list()] == [("web", Status.DEAD)]
    disk.refuses = lambda _: False
    await engine.services.containers.remove("web")
    await engine.create("true", name="web")


@inside
async def test_whoever_waits_for_a_removal_hears_what_has_kept_it_from_coming(engine: Engine) -> None:
    disk = await full_disk(engine)
    disk.refuses = the_end_of_a_row
    row = await engine.create("sh", "-c", "exit 6", host=HostSettings(auto_remove=True))
    waiting = asyncio.ensure_future(engine.services.containers.wait(row.id, "removed"))
    await asyncio.sleep(0)
    await engine.services.containers.start(row.id)
    ended = await waiting
    assert (ended.code, FULL in ended.error) == (6, True)
    disk.refuses = lambda _: False


@inside
async def test_what_wanted_to_be_removed_at_its_end_and_could_not_be_goes_at_the_next_start(engine: Engine) -> None:
    disk = await full_disk(engine)
    disk.refuses = news_of_removals
    row = await engine.create("true", host=HostSettings(auto_remove=True))
    waiting = asyncio.ensure_future(engine.services.containers.wait(row.id, "removed"))
    await asyncio.sleep(0)
    await engine.services.containers.start(row.id)
    await waiting
    assert engine.services.containers.get(row.id).state.status is Status.EXITED
    disk.refuses = lambda _: False
    await engine.services.containers.close()
    await engine.come_back()
    assert engine.services.containers.list() == []


@inside
async def test_what_the_runtime_could_not_forget_does_not_keep_a_container_from_starting_again(engine: Engine) -> None:
    row = await engine.create("sleep", "100")
    await engine.services.containers.start(row.id)
    runtime = engine.services.containers._lives._starting.runtime
    program, runtime.program = runtime.program, "/bin/false"
    await engine.services.containers.stop(row.id, seconds=0)
    runtime.program = program
    assert row.id in runtime.known()
    await engine.services.containers.start(row.id)
    assert engine.services.containers.get(row.id).state.status is Status.RUNNING


@inside
async def test_a_prune_removes_what_an_earlier_removal_has_left_without_files(engine: Engine) -> None:
    row = await engine.create("true")
    shutil.rmtree(engine.directory / "data" / "containers" / row.id)
    await engine.services.containers._rows.put(replace(row, state=replace(row.state, status=Status.DEAD)))
    gone, regained = await engine.services.containers.prune(lambda _: False)
    assert (list(gone), regained) == ([row.id], 0)
