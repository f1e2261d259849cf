"""Large pages under what the engine touches at every change.

Between two requests a processor forgets where memory lies (its TLB), and to find each small page again costs as much as
many an instruction, on a virtual machine twice that. An engine touches a thousand of them for one change.
"""

import ctypes
from collections.abc import Iterator
from pathlib import Path

_MADV_COLLAPSE = 25
_SIZE = 1 << 21
_MAPS = Path("/proc/self/maps")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def gather() -> int:
    """Have the memory that this process has now lie in large pages; return how many. Blocks, for some milliseconds.

    The kernel refuses where it has none to give or nothing lies, and before 6.1 altogether: then it stays as it is.
    """
    return sum(_libc.madvise(place, _SIZE, _MADV_COLLAPSE) == 0 for place in list(_places(_MAPS.read_text())))


def _places(maps: str) -> Iterator[int]:
    """Yield where a large page has room within the memory that is this process's alone and no file's."""
    for line in maps.splitlines():
        bounds, permissions, _, _, inode, *name = line.split(maxsplit=5)
        if permissions == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            first, end = (int(bound, 16) for bound in bounds.split("-"))
            yield from range(-(-first // _SIZE) * _SIZE, end - _SIZE + 1, _SIZE)
