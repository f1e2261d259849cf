"""`docker cp`: looking at, packing and unpacking paths inside a container's root.

Every path is resolved by the kernel inside that root (`inside`), and trees are walked by descriptors, never by names
from the host's root: a process in the container that swaps a directory for a link gains nothing.
"""

import asyncio
import os
import posixpath
import stat
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from netwright.containers.api import PathStat
from netwright.containers.inside import Root
from netwright.errors import InvalidInput, NotFound, SystemFailure

_BLOCK = 64 * 1024
_PATH_ONLY = os.O_PATH | os.O_NOFOLLOW

# Bits of Go's os.FileMode, which the API speaks.
_GO_TYPES = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
_GO_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


def go_mode(mode: int) -> int:
    """Return a mode of `st_mode` in Go's bits."""
    special = sum(there for bit, there in _GO_BITS.items() if mode & bit)
    return (mode & 0o777) | _GO_TYPES.get(stat.S_IFMT(mode), 0) | special


@contextmanager
def _found(root: Root, path: str) -> Iterator[int]:
    """Open a path to look at it. A final link is followed only where `/` or `/.` come behind it. Raises NotFound."""
    follows = path.endswith(("/", "/."))
    try:
        with root.opened(path, os.O_PATH if follows else _PATH_ONLY) as descriptor:
            yield descriptor
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"Could not find the file {path} in container") from None


def look(root: Root, path: str) -> PathStat:
    """Return what lies at a path. Raises NotFound."""
    with _found(root, path) as descriptor:
        status = os.fstat(descriptor)
        target = os.readlink("", dir_fd=descriptor) if stat.S_ISLNK(status.st_mode) else ""
    return PathStat(
        name=posixpath.basename(posixpath.normpath(path)) or "/",
        size=status.st_size,
        mode=go_mode(status.st_mode),
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        link_target=target,
    )


async def pack(root: Root, path: str) -> AsyncIterator[bytes]:
    """Yield a path as a tar stream whose names begin with the path's last part."""
    reader, writer = os.pipe()
    work = asyncio.ensure_future(asyncio.to_thread(_pack, root, path, writer))
    try:
        while block := await asyncio.to_thread(os.read, reader, _BLOCK):
            yield block
    finally:
        # A client that leaves early closes the reading end, and the packing thread stops at its next write.
        os.close(reader)
        with suppress(BrokenPipeError):
            await work


def _pack(root: Root, path: str, writer: int) -> None:
    name = posixpath.basename(posixpath.normpath(path)) or "."
    with os.fdopen(writer, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        with _found(root, path) as descriptor:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                with root.opened(path, os.O_RDONLY | os.O_DIRECTORY) as directory:
                    _pack_directory(tar, name, directory, {})
                return
        parent, last = posixpath.split(posixpath.normpath("/" + path))
        with root.opened(parent, os.O_RDONLY | os.O_DIRECTORY) as directory:
            _pack_one(tar, name, last, directory, {})


def _pack_directory(tar: tarfile.TarFile, name: str, descriptor: int, seen: dict[tuple[int, int], str]) -> None:
    entry = _info(name, os.fstat(descriptor))
    tar.addfile(entry)
    for child in sorted(os.listdir(descriptor)):
        _pack_one(tar, f"{name}/{child}", child, descriptor, seen)


def _pack_one(tar: tarfile.TarFile, name: str, child: str, parent: int, seen: dict[tuple[int, int], str]) -> None:
    """Pack one entry of a directory; what vanishes or changes its kind meanwhile is left out, as tar does."""
    try:
        status = os.stat(child, dir_fd=parent, follow_symlinks=False)
        entry = _info(name, status)
        if stat.S_ISDIR(status.st_mode):
            descriptor = os.open(child, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
            try:
                _pack_directory(tar, name, descriptor, seen)
            finally:
                os.close(descriptor)
        elif stat.S_ISLNK(status.st_mode):
            entry.linkname = os.readlink(child, dir_fd=parent)
            tar.addfile(entry)
        elif stat.S_ISREG(status.st_mode):
            _pack_file(tar, entry, child, parent, seen)
        elif not stat.S_ISSOCK(status.st_mode):
            tar.addfile(entry)
    except (FileNotFoundError, NotADirectoryError):
        return


def _pack_file(
    tar: tarfile.TarFile, entry: tarfile.TarInfo, child: str, parent: int, seen: dict[tuple[int, int], str]
) -> None:
    with os.fdopen(os.open(child, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent), "rb") as file:
        status = os.fstat(file.fileno())
        identity = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and identity in seen:
            entry.type, entry.linkname, entry.size = tarfile.LNKTYPE, seen[identity], 0
            tar.addfile(entry)
            return
        seen[identity] = entry.name
        entry.size = status.st_size
        tar.addfile(entry, file)


_TAR_TYPES = {
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


def _info(name: str, status: os.stat_result) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = _TAR_TYPES.get(stat.S_IFMT(status.st_mode), tarfile.REGTYPE)
    entry.mode = stat.S_IMODE(status.st_mode)
    entry.uid, entry.gid = status.st_uid, status.st_gid
    entry.mtime = int(status.st_mtime)
    entry.devmajor, entry.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return entry


async def unpack(root: Root, path: str, data: AsyncIterator[bytes], *, no_overwrite: bool) -> None:
    """Extract a tar stream below a directory. Raises NotFound, InvalidInput, SystemFailure."""
    if not stat.S_ISDIR(_status(root, path)):
        raise InvalidInput("extraction point is not a directory")
    reader, writer = os.pipe()
    work = asyncio.ensure_future(asyncio.to_thread(_unpack, root, path, reader, no_overwrite))
    try:
        async for block in data:
            try:
                await asyncio.to_thread(_write_all, writer, block)
            except BrokenPipeError:
                break
    finally:
        os.close(writer)
        await work


def _status(root: Root, path: str) -> int:
    with _found(root, path.rstrip("/") + "/.") as descriptor:
        return os.fstat(descriptor).st_mode


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _unpack(root: Root, path: str, reader: int, no_overwrite: bool) -> None:
    try:
        with os.fdopen(reader, "rb") as pipe, tarfile.open(fileobj=pipe, mode="r|*") as tar:
            for member in tar:
                _place(root, path, tar, member, no_overwrite)
            # What stands behind the archive's end is read too, or its sender would meet a broken pipe.
            while pipe.read(_BLOCK):
                pass
    except tarfile.TarError as error:
        raise InvalidInput(f"the archive cannot be read: {error}") from None
    except OSError as error:
        raise SystemFailure(f"the archive cannot be extracted: {error.filename}: {error.strerror}") from None


def _place(root: Root, base: str, tar: tarfile.TarFile, member: tarfile.TarInfo, no_overwrite: bool) -> None:
    """Make one entry of an archive."""
    target = posixpath.normpath(posixpath.join("/", base, member.name.lstrip("/")))
    parent, name = posixpath.split(target)
    if not name:
        return
    root.make_directories(parent)
    with root.opened(parent, os.O_RDONLY | os.O_DIRECTORY) as directory:
        _make_room(directory, name, member, no_overwrite)
        if member.isdir():
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=directory)
        elif member.isfile():
            _place_file(directory, name, tar, member)
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=directory)
        elif member.islnk():
            _place_link(root, base, member, directory, name)
            return
        else:
            kind = {tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK}.get(member.type, stat.S_IFIFO)
            os.mknod(name, kind | 0o600, os.makedev(member.devmajor, member.devminor), dir_fd=directory)
        _dress(directory, name, member)


def _make_room(directory: int, name: str, member: tarfile.TarInfo, no_overwrite: bool) -> None:
    """Remove what is in the way; a directory is only ever joined. Raises InvalidInput."""
    try:
        present = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    is_directory = stat.S_ISDIR(present.st_mode)
    if is_directory != member.isdir() and (no_overwrite or is_directory):
        what = ("directory", "non-directory") if is_directory else ("non-directory", "directory")
        raise InvalidInput(f"cannot overwrite {what[0]} {name!r} with {what[1]} {member.name!r}")
    if not is_directory:
        os.unlink(name, dir_fd=directory)


def _place_file(directory: int, name: str, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    source = tar.extractfile(member)
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    with os.fdopen(descriptor, "wb") as file:
        while source is not None and (block := source.read(_BLOCK)):
            file.write(block)


def _place_link(root: Root, base: str, member: tarfile.TarInfo, directory: int, name: str) -> None:
    source = posixpath.normpath(posixpath.join("/", base, member.linkname.lstrip("/")))
    with root.opened(posixpath.dirname(source), os.O_RDONLY | os.O_DIRECTORY) as other:
        os.link(posixpath.basename(source), name, src_dir_fd=other, dst_dir_fd=directory, follow_symlinks=False)


def _dress(directory: int, name: str, member: tarfile.TarInfo) -> None:
    """Give an entry its owner, mode and time."""
    os.chown(name, member.uid, member.gid, dir_fd=directory, follow_symlinks=False)
    if not member.issym():
        os.chmod(name, member.mode & 0o7777, dir_fd=directory)
    os.utime(name, (member.mtime, member.mtime), dir_fd=directory, follow_symlinks=False)
