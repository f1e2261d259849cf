"""Network namespaces and the threads that visit them.

A thread is in one network namespace at a time, and what it opens there stays there: a socket made inside a namespace
can be used from anywhere afterwards. So a visit is short: in, open what is needed, out. Only worker threads visit; the
main thread never moves. A thread that cannot return home would do the host's work in a container: the process then
ends at once, and the next start repairs what was left (`controller.repair.restore`).
"""

import contextlib
import ctypes
import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from netwright.errors import OperationFailed

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MNT_DETACH = 2
_NS_GET_NSTYPE = 0xB703

_libc = ctypes.CDLL(None, use_errno=True)

log = logging.getLogger(__name__)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OperationFailed(f"{what}: {os.strerror(number)}", errno=number)


def current() -> int:
    """Return a descriptor of the calling thread's network namespace."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _set(descriptor: int, what: str) -> None:
    _check(_libc.setns(descriptor, CLONE_NEWNET), what)


@contextlib.contextmanager
def visit(descriptor: int, home: int) -> Iterator[None]:
    """Be in the namespace of a descriptor for the time of the block, then at home again."""
    _set(descriptor, "entering a network namespace")
    try:
        yield
    finally:
        _return(home)


def _return(home: int) -> None:
    try:
        _set(home, "leaving a network namespace")
    except OperationFailed:
        log.critical("a worker cannot leave a network namespace: ending before it does the host's work in it")
        logging.shutdown()
        os.abort()


def create(path: str, home: int, prepare: Callable[[], object] = lambda: None) -> None:
    """Make a network namespace, prepare it from inside, and pin it at a path. Raises; then nothing is left.

    It is pinned last: one that is found at a path is a whole one, whenever its maker was killed.
    """
    pin = Path(path)
    pin.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    if is_pinned(path):
        raise OperationFailed(f"a network namespace is pinned at {path} already", errno=errno.EEXIST)
    # The file may stand there: a kill between the two steps leaves it, and so does a reboot.
    pin.touch(mode=0o444)
    try:
        _check(_libc.unshare(CLONE_NEWNET), "making a network namespace")
        try:
            prepare()
            source = b"/proc/thread-self/ns/net"
            _check(_libc.mount(source, os.fsencode(path), b"", MS_BIND, None), f"pinning a namespace at {path}")
        finally:
            _return(home)
    except BaseException:
        pin.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def nowhere(home: int) -> Iterator[None]:
    """Be in a new and empty network namespace for the time of the block; it is gone when nothing opened there is left.

    Raises OperationFailed.
    """
    _check(_libc.unshare(CLONE_NEWNET), "making a network namespace")
    try:
        yield
    finally:
        _return(home)


def delete(path: str) -> None:
    """Unpin a namespace; content where nothing is pinned. The kernel removes it when its last user is gone."""
    if _libc.umount2(os.fsencode(path), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        if number not in {errno.EINVAL, errno.ENOENT}:
            raise OperationFailed(f"unpinning the namespace at {path}: {os.strerror(number)}", errno=number)
    Path(path).unlink(missing_ok=True)


def pinned(directory: str) -> tuple[str, ...]:
    """Return the paths in a directory at which something stands or stood pinned.

    The bare file that a kill in the middle of `create` leaves is among them, so that a sweep finds it.
    """
    folder = Path(directory)
    if not folder.is_dir():
        return ()
    return tuple(str(path) for path in sorted(folder.iterdir()))


def is_pinned(path: str) -> bool:
    """Tell whether a namespace is pinned at a path."""
    try:
        os.close(open_pinned(path))
    except OperationFailed:
        return False
    return True


def open_pinned(path: str) -> int:
    """Return a descriptor of the namespace pinned at a path. Raises OperationFailed where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise OperationFailed(f"no network namespace is pinned at {path}", errno=error.errno) from None
    try:
        kind = fcntl.ioctl(descriptor, _NS_GET_NSTYPE)
    except OSError:
        kind = 0
    if kind != CLONE_NEWNET:
        os.close(descriptor)
        raise OperationFailed(f"no network namespace is pinned at {path}, only a file", errno=errno.ENOENT)
    return descriptor
