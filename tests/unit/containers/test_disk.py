"""What the disk refuses is said as whatever the machine refuses."""

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.containers.disk import on_disk
from netwright.errors import SystemFailure


async def test_work_on_files_returns_what_it_returns(tmp_path: Path) -> None:
    assert await on_disk((tmp_path / "file").write_text, "words") == 5


async def test_what_the_disk_refuses_is_said_with_the_file_and_the_reason() -> None:
    def write() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/hosts")

    with pytest.raises(SystemFailure) as refused:
        await on_disk(write)

    assert str(refused.value) == "/data/hosts: No space left on device"


def test_a_child_of_a_fork_has_threads_of_its_own(tmp_path: Path) -> None:
    asyncio.run(on_disk((tmp_path / "parent").write_text, "words"))
    child = os.fork()
    if child == 0:
        asyncio.run(on_disk((tmp_path / "child").write_text, "words"))
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "child").read_text() == "words"


ENDING = """
import asyncio, sys, threading
from pathlib import Path
from netwright.containers.disk import begun_on_disk

def write():
    threading.main_thread().join()
    Path(sys.argv[1]).write_text("whole")

async def main():
    begun_on_disk(write)

asyncio.run(main())
"""


def test_what_is_written_when_the_process_ends_is_written_to_its_end(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", ENDING, tmp_path / "file"], check=True)
    assert (tmp_path / "file").read_text() == "whole"
