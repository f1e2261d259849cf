"""`kill -9` of the engine at every step of a container's life: the next start leaves nothing unclear, and no trace.

A step is whatever changes something that lasts: a commit, operations on the machine, another program. The engine runs
in a child that kills itself before or after the chosen step; a second engine then takes over what is left.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.kernel.container_engine import Engine, FakeSandboxes, assert_nothing_left, in_namespaces

from netwright.containers import runtime
from netwright.containers.lifecycle import is_running
from netwright.host.ops import Op
from netwright.host.queries import Query
from netwright.kernel.commands import Result, run_async
from netwright.kernel.linux import LinuxHost
from netwright.model.container import HostSettings, Status
from netwright.store.api import Change
from netwright.store.sqlite import SqliteStore

T = TypeVar("T")

SETTLED = {Status.CREATED, Status.RUNNING, Status.EXITED}


class Steps:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.count = 0

    def take(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class SteppingHost:
    """A host whose operations are steps."""

    def __init__(self, host: LinuxHost, steps: Steps) -> None:
        self._host = host
        self._steps = steps

    async def do(self, ops: Sequence[Op]) -> None:
        self._steps.take()
        await self._host.do(ops)
        self._steps.take()

    async def ask(self, query: Query[T]) -> T:
        return await self._host.ask(query)


class SteppingStore:
    """A store whose commits are steps."""

    def __init__(self, store: SqliteStore, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    def load(self, kind: type[T]) -> dict[str, T]:
        return self._store.load(kind)

    async def commit(self, changes: Sequence[Change]) -> None:
        self._steps.take()
        await self._store.commit(changes)
        self._steps.take()

    def close(self) -> None:
        self._store.close()


async def live(directory: Path, last: int) -> None:
    """Lead a container through its life, and die at a step of it."""
    steps = Steps(0)

    async def stepping(argv: Sequence[str], **more: Any) -> Result:
        steps.take()
        result = await run_async(argv, **more)
        steps.take()
        return result

    host = LinuxHost(exec_root=str(directory / "run"), group=7000)
    store = SteppingStore(SqliteStore(directory / "state.db"), steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "run_async", stepping)
        sandboxes = FakeSandboxes(SteppingHost(host, steps), directory / "netns", store)
        engine = Engine(directory, SteppingHost(host, steps), sandboxes, store)
        await engine.services.containers.restore()
        await engine.import_busybox()
        steps._last = steps.count + last
        bound = HostSettings(binds=("named:/data",))
        row = await engine.create("sleep", "100", name="box", volumes=("/anonymous",), host=bound)
        await engine.services.containers.start(row.id)
        await engine.services.containers.stop(row.id, seconds=0)
        await engine.services.containers.remove(row.id, volumes=True)
    host.close()
    store.close()


async def take_over(directory: Path) -> None:
    """Start an engine on what another one left, and look whether all is clear."""
    host = LinuxHost(exec_root=str(directory / "run"), group=7000)
    store = SqliteStore(directory / "state.db")
    engine = Engine(directory, host, FakeSandboxes(host, directory / "netns", store), store)
    await engine.services.containers.restore()
    for row in engine.services.containers.list():
        assert row.state.status in SETTLED
        assert is_running(row.state) == (engine.services.containers._lives.process(row.id) is not None)
        await engine.services.containers.remove(row.id, force=True, volumes=True)
    assert [volume.name for volume in engine.services.volumes.list() if volume.anonymous] == []
    assert_nothing_left(engine)
    await engine.services.containers.close()
    host.close()
    store.close()


def crash_and_take_over(directory: Path, last: int) -> bool:
    """Return whether the engine died at the step; it does not where there are fewer steps."""
    (directory / "netns").mkdir(parents=True)
    child = os.fork()
    if child == 0:
        asyncio.run(live(directory, last))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    asyncio.run(take_over(directory))
    return os.WIFSIGNALED(status)


def at_every_third_step(directory: Path, first: int) -> None:
    step = first
    while crash_and_take_over(directory / str(step), step):
        step += 3
    assert step > 30


@pytest.mark.kernel
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_kill_at_any_step_leaves_a_definite_state_and_no_trace(tmp_path: Path, first: int) -> None:
    in_namespaces(lambda: at_every_third_step(tmp_path, first))
