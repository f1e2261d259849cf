"""Archives of images: `docker save`'s, OCI archives, and the directories that skopeo writes, in one form.

Archives are read here, and not by skopeo, because one may hold several images with several names each, and because a
copy through skopeo would write everything once more. Digests are checked where layers are unpacked.
"""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from netwright.containers.references import Reference, parse
from netwright.errors import InvalidInput

_LINKS_FOLLOWED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """An image on disk, not yet in the store: its configuration, the files of its layers, and its names."""

    config: bytes
    layers: tuple[Path, ...]
    references: tuple[Reference, ...] = ()


class _Entry(msgspec.Struct, rename="pascal"):
    """An image in docker-archive's manifest.json."""

    config: str
    layers: list[str] | None = None
    repo_tags: list[str] | None = None


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    media_type: str = ""
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Descriptor] | None = None


class Manifest(msgspec.Struct):
    """An image's manifest, of OCI or of Docker's schema 2."""

    config: _Descriptor | None = None
    layers: list[_Descriptor] | None = None
    manifests: list[_Descriptor] | None = None


def extract(archive: Path, into: Path) -> None:
    """Write an archive's files below a directory, links as copies of their names only.

    Nothing but plain files and links inside the archive is taken, so a hostile archive can reach nothing else.
    Raises InvalidInput.
    """
    links: dict[str, str] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = _inside(member.name)
                if name is None:
                    raise InvalidInput(f"the archive names a path outside of itself: {member.name}")
                if member.isfile():
                    _write(tar, member, into / name)
                elif member.issym():
                    links[name] = str(PurePosixPath(name).parent / member.linkname)
                elif member.islnk():
                    links[name] = member.linkname
    except (tarfile.TarError, EOFError) as error:
        raise InvalidInput(f"unrecognized image format: {_why(error)}") from None
    for name in links:
        target = _follow(name, links)
        if target is not None and (into / target).is_file() and not (into / name).exists():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).hardlink_to(into / target)


def _why(error: Exception) -> str:
    """Return in one line why an archive cannot be read; tarfile lists every form of compression that it has tried."""
    text = str(error)
    return "it is no tar archive, plain or compressed by gzip, bzip2 or xz" if "\n" in text else text


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as target:
        while block := source.read(1 << 20):
            target.write(block)


def _inside(name: str) -> str | None:
    """Return a clean relative path, or None where it leads outside."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != "/":
            parts.append(part)
    return "/".join(parts)


def _follow(name: str, links: dict[str, str]) -> str | None:
    current: str | None = name
    for _ in range(_LINKS_FOLLOWED):
        if current is None or current not in links:
            return current
        current = _inside(links[current])
    return None


def read(directory: Path) -> list[Unpacked]:
    """Return the images in an extracted archive. Raises InvalidInput."""
    try:
        if (directory / "manifest.json").is_file():
            return list(_docker(directory))
        if (directory / "index.json").is_file():
            index = msgspec.json.decode((directory / "index.json").read_bytes(), type=_Index)
            return list(_oci(directory, index.manifests or ()))
    except msgspec.DecodeError as error:
        raise InvalidInput(f"unrecognized image format: {error}") from None
    raise InvalidInput("unrecognized image format: there is neither manifest.json nor index.json in the archive")


def read_skopeo(directory: Path) -> Unpacked:
    """Return the image in a directory that skopeo wrote (`dir:`). Raises InvalidInput."""
    manifest = msgspec.json.decode((directory / "manifest.json").read_bytes(), type=Manifest)
    if manifest.config is None:
        raise InvalidInput("the image is in the format of Docker schema 1, which is no more supported")
    return Unpacked(
        config=(directory / _hex(manifest.config.digest)).read_bytes(),
        layers=tuple(directory / _hex(layer.digest) for layer in manifest.layers or ()),
    )


def _docker(directory: Path) -> Iterator[Unpacked]:
    for entry in msgspec.json.decode((directory / "manifest.json").read_bytes(), type=list[_Entry]):
        yield Unpacked(
            config=_file(directory, entry.config).read_bytes(),
            layers=tuple(_file(directory, layer) for layer in entry.layers or ()),
            references=tuple(parse(tag) for tag in entry.repo_tags or ()),
        )


def _oci(directory: Path, descriptors: Sequence[_Descriptor]) -> Iterator[Unpacked]:
    for descriptor in descriptors:
        manifest = msgspec.json.decode(_blob(directory, descriptor.digest).read_bytes(), type=Manifest)
        if manifest.manifests:
            yield from _oci(directory, manifest.manifests)
        elif manifest.config is not None and "attestation" not in str(descriptor.annotations):
            yield Unpacked(
                config=_blob(directory, manifest.config.digest).read_bytes(),
                layers=tuple(_blob(directory, layer.digest) for layer in manifest.layers or ()),
                references=_names(descriptor.annotations or {}),
            )


def _names(annotations: dict[str, str]) -> tuple[Reference, ...]:
    """Return the names in an index: containerd's full one, else OCI's, if it is more than a bare tag."""
    name = annotations.get("io.containerd.image.name", "")
    if not name:
        bare = annotations.get("org.opencontainers.image.ref.name", "")
        name = bare if "/" in bare or ":" in bare else ""
    return (parse(name),) if name else ()


def _blob(directory: Path, digest: str) -> Path:
    return _file(directory, "blobs/sha256/" + _hex(digest))


def _hex(digest: str) -> str:
    algorithm, _, text = digest.partition(":")
    if algorithm != "sha256" or len(text) != 64 or not text.isalnum():
        raise InvalidInput(f"invalid digest: {digest}")
    return text


def _file(directory: Path, name: str) -> Path:
    clean = _inside(name)
    if clean is None or not (directory / clean).is_file():
        raise InvalidInput(f"the archive is not whole: {name} is missing")
    return directory / clean
