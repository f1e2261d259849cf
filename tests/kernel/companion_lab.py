"""Where a companion of the engine is tried, and its end."""

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.kernel.firewall_lab import namespace

from netwright.kernel.keeper.client import KeeperClient
from netwright.kernel.resolver.client import ResolverClient

PATIENCE = 10.0


@contextlib.contextmanager
def exec_root(path: Path, kind: type[KeeperClient] | type[ResolverClient]) -> Iterator[Path]:
    """Give an exec-root in a namespace whose loopback is up; no companion of this kind may be left of it."""
    with namespace():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield path
        last = kind.find(path)
        if last is not None:
            pidfd = os.pidfd_open(last.pid)
            last.retire()
            last.close()
            await_end(pidfd)


def await_end(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(PATIENCE * 1000), "the process has not ended"
    os.close(pidfd)
