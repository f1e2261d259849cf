"""Mounts: what `-v`, `--mount`, `--tmpfs` and an image's volumes ask for, and what the runtime is told of them."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netwright.errors import InvalidInput
from netwright.model.container import MountPoint, MountSpec

BIND = "bind"
VOLUME = "volume"
TMPFS = "tmpfs"

PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_LABELS = frozenset({"z", "Z"})
_CONSISTENCIES = frozenset({"consistent", "cached", "delegated"})
_ACCESS = frozenset({"ro", "rw"})
_TMPFS_DEFAULTS = ("noexec", "nosuid", "nodev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A mount that somebody asked for.

    `source` is a host path for a bind; `volume` a name, empty for an anonymous volume. `create` says that a missing
    source is made, as `-v` does and `--mount` does not; `copy` that a new volume gets the image's content.
    """

    type: str
    target: str
    source: str = ""
    volume: str = ""
    read_only: bool = False
    mode: str = ""
    options: str = ""
    create: bool = False
    copy: bool = True


def parse_bind(text: str) -> Wish:
    """Read `SOURCE:TARGET[:OPTIONS]`; a source without a leading slash is a volume's name. Raises InvalidInput."""
    parts = text.split(":")
    if len(parts) not in {2, 3} or not all(parts):
        raise InvalidInput(f"invalid volume specification: '{text}'")
    words = parts[2].split(",") if len(parts) == 3 else []
    _check_words(words, text)
    target = _target(parts[1], text)
    propagation = next((word for word in words if word in PROPAGATIONS), "")
    mode = parts[2] if len(parts) == 3 else ""
    if parts[0].startswith("/"):
        source = posixpath.normpath(parts[0])
        return Wish(
            type=BIND,
            target=target,
            source=source,
            read_only="ro" in words,
            mode=mode,
            options=propagation,
            create=True,
        )
    return Wish(
        type=VOLUME,
        target=target,
        volume=parts[0],
        read_only="ro" in words,
        mode=mode or "z",
        copy="nocopy" not in words,
    )


def _check_words(words: Sequence[str], text: str) -> None:
    for kinds in (_ACCESS, _LABELS, PROPAGATIONS, _CONSISTENCIES, frozenset({"nocopy"})):
        if sum(word in kinds for word in words) > 1:
            raise InvalidInput(f"invalid volume specification: '{text}': invalid mode: {','.join(words)}")
    known = _ACCESS | _LABELS | PROPAGATIONS | _CONSISTENCIES | {"nocopy"}
    if any(word not in known for word in words):
        raise InvalidInput(f"invalid volume specification: '{text}': invalid mode: {','.join(words)}")


def _target(path: str, text: str) -> str:
    if not path.startswith("/"):
        raise InvalidInput(
            f"invalid volume specification: '{text}': invalid mount config for type \"volume\": "
            f"invalid mount path: '{path}' mount path must be absolute"
        )
    target = posixpath.normpath(path).replace("//", "/")
    if target == "/":
        raise InvalidInput(f"invalid volume specification: '{text}': invalid specification: destination can't be '/'")
    return target


def from_spec(spec: MountSpec) -> Wish:
    """Return the wish of a `--mount`. Raises InvalidInput."""
    if spec.type not in {BIND, VOLUME, TMPFS}:
        raise InvalidInput(f'invalid mount config for type "{spec.type}": mount type unknown')
    if not spec.target.startswith("/"):
        raise InvalidInput(f'invalid mount config for type "{spec.type}": field Target must not be empty or relative')
    if spec.type == BIND and not spec.source.startswith("/"):
        raise InvalidInput(
            f"invalid mount config for type \"bind\": invalid mount path: '{spec.source}' mount path must be absolute"
        )
    return Wish(
        type=spec.type,
        target=_target(spec.target, spec.target),
        source=posixpath.normpath(spec.source) if spec.type == BIND else "",
        volume=spec.volume,
        read_only=spec.read_only,
        mode="z" if spec.type == VOLUME else "",
        options=spec.options,
        copy="nocopy" not in spec.options.split(","),
    )


def wishes(
    *,
    binds: Iterable[str],
    mounts: Iterable[MountSpec],
    tmpfs: Mapping[str, str],
    inherited: Iterable[MountPoint],
    image_volumes: Iterable[str],
) -> list[Wish]:
    """Return all mounts of a container, parents before children.

    Two for the same place are refused; `--volumes-from` and an image's volumes give way to what the user names.
    Raises InvalidInput.
    """
    chosen: dict[str, Wish] = {}
    explicit = [
        *(parse_bind(text) for text in binds),
        *(from_spec(spec) for spec in mounts),
        *(Wish(type=TMPFS, target=_target(target, target), options=options) for target, options in tmpfs.items()),
    ]
    for wish in explicit:
        if wish.target in chosen:
            raise InvalidInput(f"Duplicate mount point: {wish.target}")
        chosen[wish.target] = wish
    for point in inherited:
        chosen.setdefault(point.target, _again(point))
    for path in image_volumes:
        target = _target(path, path)
        chosen.setdefault(target, Wish(type=VOLUME, target=target))
    return sorted(chosen.values(), key=lambda wish: (wish.target.count("/"), wish.target))


def _again(point: MountPoint) -> Wish:
    return Wish(
        type=point.type,
        target=point.target,
        source=point.source if point.type == BIND else "",
        volume=point.volume,
        read_only=point.read_only,
        mode=point.mode,
        options=point.options,
        copy=False,
    )


def parse_volumes_from(text: str) -> tuple[str, bool | None]:
    """Read `CONTAINER[:ro|rw]` and return the container and whether its mounts become read-only (None: as there)."""
    container, colon, mode = text.partition(":")
    if not container or (colon and mode not in {"ro", "rw", "z", "Z"}):
        raise InvalidInput(f"invalid volumes-from specification: {text}")
    return container, {"ro": True, "rw": False}.get(mode)


def oci_mount(point: MountPoint) -> dict[str, object]:
    """Return a mount in the runtime's words."""
    if point.type == TMPFS:
        wanted = [word for word in point.options.split(",") if word]
        options = [*_TMPFS_DEFAULTS, *(["ro"] if point.read_only else []), *wanted]
        return {"destination": point.target, "type": "tmpfs", "source": "tmpfs", "options": options}
    propagation = next((word for word in point.options.split(",") if word in PROPAGATIONS), "rprivate")
    options = ["rbind", "ro" if point.read_only else "rw", propagation]
    return {"destination": point.target, "type": "bind", "source": point.source, "options": options}


def root_propagation(points: Iterable[MountPoint]) -> str | None:
    """Return how the root must propagate mounts for the sake of the binds; None is the runtime's default."""
    words = {word for point in points for word in point.options.split(",")}
    if words & {"shared", "rshared"}:
        return "rshared"
    return "rslave" if words & {"slave", "rslave"} else None
