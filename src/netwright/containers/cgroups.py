"""The cgroup that those of all containers lie in, which every engine of a machine shares."""

import errno
from contextlib import suppress
from pathlib import Path

from netwright.containers.spec.config import CGROUP_PARENT

ROOT = Path("/sys/fs/cgroup")


def remove_parent(root: Path = ROOT) -> None:
    """Remove the common cgroup from all hierarchies, one of version 2 or many of version 1, where nobody uses it."""
    name = CGROUP_PARENT.removeprefix("/")
    for path in (root / name, *root.glob(f"*/{name}")):
        with suppress(FileNotFoundError):
            try:
                path.rmdir()
            except OSError as error:
                # Another engine's containers are in it.
                if error.errno not in {errno.ENOTEMPTY, errno.EBUSY}:
                    raise
