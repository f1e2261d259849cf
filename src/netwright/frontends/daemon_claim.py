"""One engine a data-root and an exec-root: a lock that dies with its process; and the pidfile, for scripts."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from netwright.config import Config
from netwright.errors import Conflict, SystemFailure

LOCK = "engine.lock"
"""The file in either root that a running engine holds locked; in it stand its process id and its pidfile."""


@contextlib.contextmanager
def claim(config: Config) -> Iterator[None]:
    """Hold data-root, exec-root and pidfile for the time of the block; the roots are made where they are missing.

    Raises Conflict, naming the other engine, where one of the roots is taken, and SystemFailure where a file cannot be
    made.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_locked(config.data_root, "--data-root", config.pidfile))
            held.enter_context(_locked(config.exec_root, "--exec-root", config.pidfile))
            held.enter_context(_pidfile(config.pidfile))
        except OSError as error:
            raise SystemFailure(f"the engine's directories cannot be used: {error}") from error
        yield


@contextlib.contextmanager
def _locked(root: Path, flag: str, pidfile: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True, mode=0o711)
    path = root / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"{root} belongs to a running engine, {_holder(path)}: stop that one, or give this one another {flag}"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {pidfile}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _holder(path: Path) -> str:
    pid, _, pidfile = path.read_text(encoding="utf-8").strip().partition(" ")
    return f"process {pid} (pidfile {pidfile})" if pid else "which is just starting"


@contextlib.contextmanager
def _pidfile(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(f"{os.getpid()}\n", encoding="ascii")
    # Renamed into place: a reader finds a whole file or none.
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def abandon(config: Config) -> tuple[str, ...]:
    """Remove what `claim` made, and both roots where nothing else is left in them; called within the claim.

    Returns a sentence for each root that has to stay.
    """
    config.pidfile.unlink(missing_ok=True)
    left = []
    for root in (config.data_root, config.exec_root):
        (root / LOCK).unlink(missing_ok=True)
        names = sorted(path.name for path in root.iterdir())
        if names:
            left.append(f"{root} is left: {', '.join(names)} in it is not the engine's")
        else:
            root.rmdir()
    return tuple(left)
