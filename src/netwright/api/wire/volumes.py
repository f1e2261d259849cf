"""JSON shapes of volumes."""

from msgspec import field

from netwright.api.wire.shape import Shape


class VolumeCreate(Shape, kw_only=True):
    """The body of POST /volumes/create."""

    name: str = ""
    driver: str = "local"
    driver_opts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


class VolumeShown(Shape, kw_only=True):
    """A volume."""

    created_at: str
    driver: str = "local"
    labels: dict[str, str] | None
    mountpoint: str
    name: str
    options: dict[str, str] | None
    scope: str = "local"


class VolumesShown(Shape, kw_only=True):
    """The list of volumes."""

    volumes: list[VolumeShown]
    warnings: list[str] | None = None


class VolumesPruned(Shape, kw_only=True):
    """The answer to POST /volumes/prune."""

    volumes_deleted: list[str] | None
    space_reclaimed: int
