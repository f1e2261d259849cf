"""The one door to other programs.

Every call has a time limit; every failure names the command, what it said, and shows its input with numbered lines.
Nothing but the descriptors that are named is handed down to a program.
"""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from netwright.errors import OperationFailed
from netwright.host.handover import carry_out
from netwright.host.uncancelled import outlasted
from netwright.kernel.nft import numbered

SECONDS = 30.0
"""How long a program may take, where its caller says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a program did."""

    code: int
    output: str
    errors: str


class _Running:
    """A program that one thread waits for and another may end."""

    def __init__(self, started: Callable[[int], None] | None = None) -> None:
        self._started = started
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._unwanted = False

    def begun(self, process: "subprocess.Popen[str]") -> None:
        """Note that it runs; it is ended at once where nobody wants it any more."""
        with self._lock:
            self._process = process
            if self._unwanted:
                process.kill()
        if self._started is not None:
            self._started(process.pid)

    def end(self) -> None:
        """End it, even if it has yet to begin."""
        with self._lock:
            self._unwanted = True
            if self._process is not None:
                self._process.kill()


def _run(
    argv: Sequence[str],
    running: _Running,
    *,
    stdin: str,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
) -> Result:
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            argv,
            stdin=pipe if stdin else subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            encoding="utf-8",
            errors="replace",
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise _unstartable(argv, error) from None
    with process:
        running.begun(process)
        try:
            output, errors = process.communicate(stdin or None, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise OperationFailed(f"{' '.join(argv)} did not end within {timeout:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
    return Result(code=process.returncode, output=output, errors=errors)


def run(
    argv: Sequence[str], *, stdin: str = "", timeout: float = SECONDS, started: Callable[[int], None] | None = None
) -> Result:
    """Run a program and wait for it; for worker threads. Raises OperationFailed where it cannot run or is too slow.

    `started` is called with the number of its process, before the program is given its input.
    """
    return _run(argv, _Running(started), stdin=stdin, timeout=timeout)


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
    stdin: str = "",
    timeout: float = SECONDS,  # noqa: ASYNC109 - the limit is part of what is asked
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
) -> Result:
    """Run a program without blocking; it is killed when the time is up or the caller is cancelled.

    Raises OperationFailed where it cannot run or is too slow.
    """
    running = _Running()
    act = partial(_run, argv, running, stdin=stdin, timeout=timeout, env=env, cwd=cwd, pass_fds=pass_fds)
    result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    threading.Thread(target=carry_out, args=(result, act), name=f"waits for {argv[0]}", daemon=True).start()
    try:
        return await asyncio.shield(result)
    except asyncio.CancelledError:
        running.end()
        await outlasted(result)
        raise
