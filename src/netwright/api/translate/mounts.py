"""Mounts between JSON and facts, and what fits no field of Docker's in the options of a mount. Pure."""

from msgspec import UNSET

from netwright.api.wire.containers import BindOptions, Mount, MountShown, TmpfsOptions, VolumeOptions
from netwright.containers.spec.mounts import BIND, PROPAGATIONS, TMPFS, VOLUME
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.container import MountPoint, MountSpec

_NO_COPY = "nocopy"
_SIZE, _MODE = "size=", "mode="


def read_mount(asked: Mount) -> MountSpec:
    """Return a mount that is asked for. Raises InvalidInput in Docker's words."""
    if asked.type not in {BIND, VOLUME, TMPFS}:
        raise InvalidInput(f'invalid mount config for type "{asked.type}": mount type unknown')
    if not asked.target:
        raise InvalidInput(f'invalid mount config for type "{asked.type}": field Target must not be empty')
    return MountSpec(
        type=asked.type,
        target=asked.target,
        source=asked.source if asked.type == BIND else "",
        volume=asked.source if asked.type == VOLUME else "",
        read_only=asked.read_only,
        options=",".join(_options(asked)),
    )


def _options(asked: Mount) -> list[str]:
    options = []
    if asked.bind_options is not None and asked.bind_options.propagation:
        options.append(asked.bind_options.propagation)
    if asked.volume_options is not None:
        if asked.volume_options.subpath:
            raise NotBuilt("mounting a part of a volume (volume-subpath) is not supported")
        if asked.volume_options.no_copy:
            options.append(_NO_COPY)
    if asked.tmpfs_options is not None:
        if asked.tmpfs_options.size_bytes:
            options.append(f"{_SIZE}{asked.tmpfs_options.size_bytes}")
        if asked.tmpfs_options.mode:
            options.append(f"{_MODE}{asked.tmpfs_options.mode:o}")
    return options


def show_mount_wish(mount: MountSpec) -> Mount:
    """Return a mount as it was asked for."""
    shown = Mount(type=mount.type, source=mount.source or mount.volume, target=mount.target, read_only=mount.read_only)
    options = mount.options.split(",") if mount.options else []
    if mount.type == BIND and options:
        shown.bind_options = BindOptions(propagation=options[0])
    elif mount.type == VOLUME and _NO_COPY in options:
        shown.volume_options = VolumeOptions(no_copy=True)
    elif mount.type == TMPFS and options:
        shown.tmpfs_options = _show_tmpfs(options)
    return shown


def _show_tmpfs(options: list[str]) -> TmpfsOptions:
    shown = TmpfsOptions()
    for option in options:
        if option.startswith(_SIZE):
            shown.size_bytes = int(option.removeprefix(_SIZE))
        elif option.startswith(_MODE):
            shown.mode = int(option.removeprefix(_MODE), 8)
    return shown


def show_mount(mount: MountPoint) -> MountShown:
    """Return a mount as it was decided."""
    is_volume = mount.type == VOLUME
    return MountShown(
        type=mount.type,
        name=mount.volume if is_volume else UNSET,
        source=mount.source,
        destination=mount.target,
        driver="local" if is_volume else UNSET,
        mode=mount.mode,
        rw=not mount.read_only,
        propagation=_propagation(mount) if mount.type == BIND else "",
    )


def _propagation(mount: MountPoint) -> str:
    return next((word for word in mount.options.split(",") if word in PROPAGATIONS), "rprivate")
