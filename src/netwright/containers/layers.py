"""Layers: unpacked once each, below every image and container that has them.

A layer and not an image is the unit, as in Docker: images share layers, and a pull brings only what is new. GNU tar
unpacks it, with owners, devices and extended attributes, and refuses to write through links; afterwards the marks of
deletion are turned from the form in archives (`.wh.NAME`, `.wh..wh..opq`: OCI image spec, layer.md) into overlayfs'
own (a device 0/0, an attribute on the directory: kernel, filesystems/overlayfs.rst).
"""

import asyncio
import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

from netwright.containers.disk import on_disk
from netwright.containers.layout import Layout
from netwright.errors import InvalidInput, OperationFailed
from netwright.kernel.commands import check, run_async

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_BLOCK = 1 << 20
_SECONDS = 1800.0
_ZSTD = b"\x28\xb5\x2f\xfd"


class Layers:
    """The layers on disk."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = asyncio.Lock()

    def scratch(self) -> Path:
        """Return a fresh directory on the same file system; what is left of it goes at the next start."""
        self._layout.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(dir=self._layout.scratch))

    async def add(self, archive: Path, expected: str = "") -> str:
        """Unpack a layer if it is not there yet, and return its digest. `archive` may be compressed, and is used up.

        Raises InvalidInput where the digest is not the expected one.
        """
        plain, digest = await on_disk(_decompressed, archive)
        if expected and digest != expected:
            raise InvalidInput(f"the layer {archive.name} is damaged: its digest is {digest}, not {expected}")
        async with self._lock:
            if not self._layout.layer(digest).is_dir():
                await self._unpack(plain, digest)
        return digest

    async def _unpack(self, archive: Path, digest: str) -> None:
        target = self.scratch()
        try:
            argv = ["tar", "--extract", "--numeric-owner", "--same-owner", "--preserve-permissions"]
            argv.append("--delay-directory-restore")
            argv += ["--xattrs", "--xattrs-include=*", "--xattrs-exclude=trusted.*"]
            result = await run_async([*argv, f"--file={archive}", f"--directory={target}"], timeout=_SECONDS)
            if result.code != 0:
                why, *_ = result.errors.strip().splitlines() or ["tar does not say why"]
                raise InvalidInput(f"the layer {digest} cannot be unpacked: {why[:300]}")
            await on_disk(_settle, target, self._layout.layer(digest))
        finally:
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)

    def has(self, digest: str) -> bool:
        """Tell whether a layer is there."""
        return self._layout.layer(digest).is_dir()

    async def size(self, digests: Iterable[str]) -> int:
        """Return the bytes of all files in some layers."""
        return await on_disk(lambda: sum(tree_size(self._layout.layer(digest)) for digest in digests))

    async def keep_only(self, digests: Iterable[str]) -> None:
        """Delete all other layers."""
        kept = {self._layout.layer(digest) for digest in digests}
        async with self._lock:
            await on_disk(self._keep_only, kept)

    def _keep_only(self, kept: set[Path]) -> None:
        if not self._layout.layers.is_dir():
            return
        for path in self._layout.layers.iterdir():
            if path not in kept:
                # Out of the way first, under a name that no image looks for: deleting takes time and may be cut short.
                doomed = self.scratch() / path.name
                path.rename(doomed)
                shutil.rmtree(doomed.parent)

    def sweep(self) -> None:
        """Delete what was being downloaded or unpacked when the engine last ended."""
        shutil.rmtree(self._layout.scratch, ignore_errors=True)


def tree_size(path: Path) -> int:
    """Return the bytes of the plain files below a directory, if there is one; a file with two names counts once."""
    total, seen = 0, set()
    if not path.exists():
        return total  # an attempt to remove it has got that far
    for _, _, files, descriptor in os.fwalk(path):
        for name in files:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
    return total


def _settle(source: Path, target: Path) -> None:
    """Turn the marks of deletion into overlayfs' own, and move the layer to its place."""
    for directory, _, files in os.walk(source):
        for name in files:
            if name == _OPAQUE:
                os.setxattr(directory, "trusted.overlay.opaque", b"y")
                Path(directory, name).unlink()
            elif name.startswith(_WHITEOUT):
                Path(directory, name).unlink()
                hidden = Path(directory, name.removeprefix(_WHITEOUT))
                if not name.startswith(_WHITEOUT * 2) and not os.path.lexists(hidden):
                    os.mknod(hidden, stat.S_IFCHR | 0o600, os.makedev(0, 0))
    source.chmod(0o755)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o710)
    source.rename(target)


def _decompressed(archive: Path) -> tuple[Path, str]:
    """Return the path of the uncompressed archive and its digest."""
    with archive.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(_ZSTD):
        plain = archive.with_suffix(".plain")
        try:
            check(["zstd", "-d", "-q", "-f", "-o", str(plain), str(archive)], timeout=_SECONDS)
        except OperationFailed as error:
            raise InvalidInput(f"a layer is compressed with zstd and cannot be read: {error}") from None
        return plain, _copy(plain, None)
    opener = next((known for start, known in _OPENERS if magic.startswith(start)), None)
    if opener is None:
        return archive, _copy(archive, None)
    plain = archive.with_suffix(".plain")
    return plain, _copy(archive, plain, opener)


_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


def _copy(source: Path, target: Path | None, opener: object = None) -> str:
    """Read a file, through a decompressor where given, write it where asked, and return the digest of what was read."""
    digest = hashlib.sha256()
    opened = cast("IO[bytes]", opener(source, "rb")) if callable(opener) else source.open("rb")
    try:
        with opened as file, (target or Path(os.devnull)).open("wb") as copy:
            while block := file.read(_BLOCK):
                digest.update(block)
                copy.write(block)
    except (OSError, EOFError, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise InvalidInput(f"the archive is damaged: {error}") from None
    return f"sha256:{digest.hexdigest()}"
