"""Starting other programs."""

import asyncio
import os

import pytest

from netwright.errors import OperationFailed
from netwright.kernel import commands


def test_a_program_gets_its_input_and_gives_its_output() -> None:
    result = commands.run(["sh", "-c", "cat; echo no >&2; exit 3"], stdin="yes")
    assert (result.code, result.output, result.errors) == (3, "yes", "no\n")


def test_a_failure_names_the_command_and_numbers_its_input() -> None:
    with pytest.raises(OperationFailed) as failure:
        commands.check(["sh", "-c", "echo line 2 failed >&2; exit 1"], stdin="one\ntwo\n")
    assert (
        failure.value.message == "sh -c echo line 2 failed >&2; exit 1 ended with 1: line 2 failed\n   1 one\n   2 two"
    )


def test_a_program_that_is_too_slow_is_ended() -> None:
    with pytest.raises(OperationFailed, match=r"sleep 60 did not end within 0\.05 s"):
        commands.run(["sleep", "60"], timeout=0.05)


@pytest.mark.parametrize("program", ["netwright-no-such-program", "/nowhere/at/all"])
def test_a_program_that_is_missing_is_named(program: str) -> None:
    with pytest.raises(OperationFailed, match=f"^{program} is not installed$"):
        commands.run([program])


async def test_a_directory_that_is_missing_is_named_and_not_the_program() -> None:
    with pytest.raises(OperationFailed, match="true cannot be started: /nowhere/at/all: No such file or directory"):
        await commands.run_async(["true"], cwd="/nowhere/at/all")


async def test_a_program_runs_beside_the_loop_in_its_directory_and_environment() -> None:
    argv = ["sh", "-c", 'printf "%s %s %s" "$(pwd)" "$WORD" "$(cat)"']
    result = await commands.run_async(argv, stdin="in", cwd="/", env={"WORD": "out", "PATH": os.environ["PATH"]})
    assert result.output == "/ out in"


async def test_a_program_gets_the_named_descriptors_only() -> None:
    given, kept = os.pipe()
    try:
        argv = ["sh", "-c", f"test -e /dev/fd/{given} && ! test -e /dev/fd/{kept}"]
        assert (await commands.run_async(argv, pass_fds=[given])).code == 0
    finally:
        os.close(given)
        os.close(kept)


async def test_a_program_beside_the_loop_that_is_too_slow_is_ended() -> None:
    with pytest.raises(OperationFailed, match=r"sleep 60 did not end within 0\.05 s"):
        await commands.run_async(["sleep", "60"], timeout=0.05)


async def test_a_program_is_ended_when_nobody_waits_for_it_any_more() -> None:
    reading, writing = os.pipe()
    waiting = asyncio.ensure_future(commands.run_async(["sleep", "60"], pass_fds=[writing]))
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(reading, gone.set)
    try:
        await asyncio.wait([waiting], timeout=0.05)
        os.close(writing)
        waiting.cancel()
        # Only when the program is dead does the last writing end close.
        await asyncio.wait_for(gone.wait(), 5)
        with pytest.raises(asyncio.CancelledError):
            await waiting
    finally:
        loop.remove_reader(reading)
        os.close(reading)
