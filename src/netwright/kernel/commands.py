"""The one door to other programs.

Every call has a time limit; every failure names the command, what it said, and shows its input with numbered lines.
Nothing but the descriptors that are named is handed down to a program.
"""

import asyncio
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from netwright.errors import OperationFailed
from netwright.kernel.nft import numbered

SECONDS = 30.0
"""How long a program may take, where its caller says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a program did."""

    code: int
    output: str
    errors: str


def run(
    argv: Sequence[str], *, stdin: str = "", timeout: float = SECONDS, started: Callable[[int], None] | None = None
) -> Result:
    """Run a program and wait for it; for worker threads. Raises OperationFailed where it cannot run or is too slow.

    `started` is called with the number of its process, before the program is given its input.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    except OSError as error:
        raise _unstartable(argv, error) from None
    with process:
        if started is not None:
            started(process.pid)
        try:
            output, errors = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise OperationFailed(f"{' '.join(argv)} did not end within {timeout:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
    return Result(code=process.returncode, output=output, errors=errors)


def check(
    argv: Sequence[str], *, stdin: str = "", timeout: float = SECONDS, started: Callable[[int], None] | None = None
) -> str:
    """Run a program that must succeed and return its output. Raises OperationFailed."""
    result = run(argv, stdin=stdin, timeout=timeout, started=started)
    if result.code != 0:
        raise failure(argv, result, stdin)
    return result.output


def failure(argv: Sequence[str], result: Result, stdin: str = "") -> OperationFailed:
    """Return a program's failure with all that helps to understand it."""
    said = (result.errors or result.output).strip()
    shown = f"\n{numbered(stdin)}" if stdin else ""
    return OperationFailed(f"{' '.join(argv)} ended with {result.code}: {said}{shown}")


def _unstartable(argv: Sequence[str], error: OSError) -> OperationFailed:
    """Return what to say of a program that cannot be started; a directory to start it in may be missing as well."""
    if isinstance(error, FileNotFoundError) and error.filename in {argv[0], None}:
        return OperationFailed(f"{argv[0]} is not installed", errno=error.errno)
    return OperationFailed(f"{argv[0]} cannot be started: {error.filename}: {error.strerror}", errno=error.errno)


async def run_async(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = SECONDS,  # noqa: ASYNC109 - the limit is part of what is asked
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
) -> Result:
    """Run a program without blocking; it is killed when the time is up or the caller is cancelled."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise _unstartable(argv, error) from None
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate(stdin or None)
    except TimeoutError:
        raise OperationFailed(f"{' '.join(argv)} did not end within {timeout:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    code = process.returncode if process.returncode is not None else -1
    return Result(code=code, output=output.decode(errors="replace"), errors=errors.decode(errors="replace"))
