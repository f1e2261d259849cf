"""Restarts of the engine and of the machine: nothing is lost, nothing is made again, identities stay."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from load import IMAGE, Load
from machine import Engine, Machine, docker_clients, processes_naming

from netwright.app import cgroup_tag


@pytest.fixture
def lone(machine: Machine, tmp_path: Path, image_tar: Path) -> Iterator[Engine]:
    """Start an engine that may be restarted."""
    engine = Engine(machine, tmp_path)
    engine.start()
    engine.docker("import", str(image_tar), IMAGE)
    with contextlib.closing(engine):
        yield engine


def end_processes(engine: Engine) -> None:
    """End every process of an engine: containers, their monitors, the companions."""
    tag = cgroup_tag((engine.data_root / "engine-id").read_text().strip())
    root = Path("/sys/fs/cgroup")
    inside = {
        int(pid)
        for own in (root / "netwright" / tag, *root.glob(f"*/netwright/{tag}"))
        for path in own.glob("*/cgroup.procs")
        for pid in path.read_text().split()
    }
    for pid in (*inside, *processes_naming(str(engine.folder))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def await_starts(engine: Engine, names: Sequence[str], since: float) -> None:
    """Wait until these containers have been started since a moment."""
    argv = [docker_clients()[-1], "-H", f"unix://{engine.socket}", "events", "--since", str(since)]
    argv += ["--filter", "event=start", "--format", "{{.Actor.Attributes.name}}"]
    with subprocess.Popen(engine.machine.host.enter(*argv), stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout is not None
        awaited = set(names)
        while awaited:
            awaited.discard(events.stdout.readline().strip())
        events.kill()


@pytest.mark.parametrize("end", [Engine.kill, Engine.stop], ids=["killed", "stopped"])
def test_traffic_loses_nothing_over_a_restart_and_nothing_is_made_again(
    lone: Engine, end: Callable[[Engine], object]
) -> None:
    load = Load(lone, containers=6, ports=12, echoing=3)
    identity, objects = load.identity(), load.objects()
    load.begin()

    end(lone)
    lone.start()

    flows = load.end()
    assert [flow for flow in flows if flow["lost"]] == []
    assert {flow["kind"] for flow in flows if flow["sent"] > 1} == {"stream", "connect", "ping"}
    assert load.identity() == identity
    assert load.objects() == objects


def test_after_a_restart_of_the_machine_containers_come_back_as_what_they_were(lone: Engine, tmp_path: Path) -> None:
    load = Load(lone, containers=3, ports=6, echoing=1)
    lone.docker("run", "-d", "--name", "once", IMAGE, "sleep", "1000")
    lone.docker("run", "-d", "--name", "stopped", "--restart", "unless-stopped", IMAGE, "sleep", "1000")
    lone.docker("stop", "-t", "0", "stopped")
    identity = load.identity()
    lone.kill()
    end_processes(lone)
    lone.machine.close()
    shutil.rmtree(lone.exec_root)
    after = Machine(tmp_path)
    try:
        lone.machine = after
        begin = time.time()
        lone.start()
        await_starts(lone, load.names, begin)

        assert load.identity() == identity
        load.begin()
        assert [flow for flow in load.end() if flow["lost"]] == []
        shown = lone.docker("ps", "-a", "--format", "{{.Names}} {{.State}}").stdout.split("\n")
        assert {"once exited", "stopped exited"} <= set(shown)
        assert lone.call("GET", "/netwright/check") == (200, [])
    finally:
        lone.close()
        after.close()
