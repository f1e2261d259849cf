"""Containers on the real kernel: runc, conmon and overlayfs."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.containers.api import ExecRequest, LogRequest
from netwright.errors import Conflict, InvalidInput, NotFound, NotModified
from netwright.model.container import HostSettings, Limits, RestartPolicy, RestartWhen, Status, Ulimit
from tests.kernel.container_engine import Engine, collected, inside, text_of


@inside
async def test_a_container_runs_to_its_end_and_keeps_exit_code_and_log(engine: Engine) -> None:
    code, text = await engine.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert code == 3
    assert sorted(text.split()) == ["err", "out"]
    assert engine.events() == ["create", "start", "die", "destroy"]
    assert engine.last("die").attributes["exitCode"] == "3"


@inside
async def test_starting_takes_less_than_ninety_milliseconds(engine: Engine) -> None:
    times = []
    for _ in range(5):
        row = await engine.create("sleep", "100")
        before = time.perf_counter()
        await engine.services.containers.start(row.id)
        times.append((time.perf_counter() - before) * 1000)
        await engine.services.containers.remove(row.id, force=True)
    print("start took", [f"{milliseconds:.0f} ms" for milliseconds in times])
    assert min(times) < 90
