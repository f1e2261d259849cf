"""Docker's rules for `cp`, which are those of `cp -a` with a few more, and the safe unpacking of what comes.

source      destination            is copied
file        is not there           to the destination, which becomes a file
file        a file                 over it
file        a directory            into it
directory   is not there           to the destination, which becomes a directory
directory   a file                 not at all
directory   a directory            into it; only its content where the source ends in `/.`
"""

import os
import posixpath
import shutil
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from netwright.frontends.cli.failures import CommandFailed


class Place(NamedTuple):
    """A path on either side as it was written, and what is there."""

    path: str
    exists: bool
    is_directory: bool

    @property
    def means_content(self) -> bool:
        """Whether it ends in `/.`: what is in the directory, not the directory."""
        return self.path == "." or self.path.endswith("/.")

    @property
    def must_be_directory(self) -> bool:
        """Whether it ends in a slash or `/.`, which only a directory may."""
        return self.path.endswith("/") or self.means_content

    @property
    def name(self) -> str:
        """Its last part."""
        return posixpath.basename(posixpath.normpath(self.path))


class Target(NamedTuple):
    """Where things go: into `directory` under `name`; an empty name means into the directory itself."""

    directory: str
    name: str


def target_of(source: Place, destination: Place) -> Target:
    """Return where a source goes. Raises CommandFailed by the table above."""
    if destination.exists and destination.is_directory:
        return Target(destination.path, "" if source.means_content else source.name)
    if source.is_directory and destination.exists:
        raise CommandFailed("cannot copy directory")
    if not source.is_directory and destination.must_be_directory:
        raise CommandFailed(f"no such directory: {destination.path}")
    whole = posixpath.normpath(destination.path)
    return Target(posixpath.dirname(whole) or ("/" if whole.startswith("/") else "."), posixpath.basename(whole))


def local_place(path: str, *, follow: bool) -> Place:
    """Look at a path of this side; a link is itself unless `follow`."""
    found = Path(path)
    if not (found.exists() if follow else os.path.lexists(path)):
        return Place(path, exists=False, is_directory=False)
    return Place(path, exists=True, is_directory=found.is_dir() and (follow or not found.is_symlink()))


def unpack(stream: BinaryIO, source: Place, target: Target, *, keep_owner: bool) -> int:
    """Write a tar stream whose root is the source to where it goes, and return the bytes of its files.

    Nothing is written outside of the target, whatever names and links the archive has. Raises CommandFailed.
    """
    root = Path(target.directory, target.name)
    if not Path(target.directory).is_dir():
        raise CommandFailed(f"no such directory: {target.directory}")
    size = 0
    with tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            place = _inside(root, member.name, source.name)
            _write(archive, member, place, link=_inside(root, member.linkname, source.name) if member.islnk() else None)
            if keep_owner and os.geteuid() == 0:
                os.chown(place, member.uid, member.gid, follow_symlinks=False)
            size += member.size
    return size


def _inside(root: Path, name: str, base: str) -> Path:
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise CommandFailed(f"refused: the archive would write outside of the target ({name})")
    if parts and parts[0] == base:
        parts = parts[1:]
    place = root.joinpath(*parts)
    real = os.path.realpath(place.parent)
    limit = os.path.realpath(root if parts else root.parent)
    if real != limit and not real.startswith(limit.rstrip("/") + "/"):
        raise CommandFailed(f"refused: the archive would write outside of the target, through a link ({name})")
    return place


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, link: Path | None) -> None:
    if member.isdir():
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise CommandFailed(f"cannot overwrite non-directory {place} with a directory")
        place.mkdir(exist_ok=True)
        place.chmod(member.mode)
        return
    if place.is_dir() and not place.is_symlink():
        raise CommandFailed(f"cannot overwrite directory {place} with a non-directory")
    with suppress(FileNotFoundError):
        place.unlink()
    if member.issym():
        place.symlink_to(member.linkname)
    elif link is not None:
        place.hardlink_to(link)
    elif member.isreg():
        _write_file(archive, member, place)
    elif member.isfifo():
        os.mkfifo(place, member.mode)
    else:
        archive.makedev(member, str(place))


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise CommandFailed(f"the archive has no content for {member.name}")
    with content, place.open("wb") as file:
        shutil.copyfileobj(content, file)
    place.chmod(member.mode)
    os.utime(place, (member.mtime, member.mtime))
