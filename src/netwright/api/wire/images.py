"""JSON shapes of images and volumes."""

from msgspec import UNSET, UnsetType, field

from netwright.api.wire.containers import GraphDriver, Nothing
from netwright.api.wire.shape import Shape


class ImageSummary(Shape, kw_only=True):
    """An image in the list."""

    id: str
    parent_id: str = ""
    repo_tags: list[str]
    repo_digests: list[str]
    created: int
    size: int
    shared_size: int = -1
    virtual_size: int | UnsetType = UNSET
    labels: dict[str, str] | None
    containers: int = -1


class RootFs(Shape, kw_only=True):
    """The layers of an image."""

    type: str
    layers: list[str]


class Metadata(Shape, kw_only=True):
    """When an image was last tagged; not kept here."""

    last_tag_time: str = "0001-01-01T00:00:00Z"


class ImageConfig(Shape, kw_only=True, omit_defaults=True):
    """What an image says of its containers, from API 1.52 on: without what it does not say."""

    user: str = ""
    exposed_ports: dict[str, Nothing] | None = None
    env: list[str] | None = None
    cmd: list[str] | None = None
    volumes: dict[str, Nothing] | None = None
    working_dir: str = ""
    entrypoint: list[str] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str = ""


class ImageShown(Shape, kw_only=True):
    """An image as inspected."""

    id: str
    repo_tags: list[str]
    repo_digests: list[str]
    parent: str | UnsetType = ""
    comment: str | UnsetType
    created: str
    docker_version: str | UnsetType = ""
    author: str | UnsetType
    config: Shape
    """An ImageConfig; before API 1.52 a Config. No document can describe a choice between two untagged shapes."""
    architecture: str
    os: str
    size: int
    virtual_size: int | UnsetType = UNSET
    graph_driver: GraphDriver
    root_fs: RootFs = field(name="RootFS")
    metadata: Metadata = field(default_factory=Metadata)


class ImageRemoved(Shape, kw_only=True):
    """A step of an image's removal: one of the two is set."""

    untagged: str | UnsetType = UNSET
    deleted: str | UnsetType = UNSET


class ImagesPruned(Shape, kw_only=True):
    """The answer to POST /images/prune."""

    images_deleted: list[ImageRemoved] | None
    space_reclaimed: int


class ProgressDetail(Shape, kw_only=True):
    """How far a step of a pull is."""

    current: int | UnsetType = field(default=UNSET, name="current")
    total: int | UnsetType = field(default=UNSET, name="total")


class Progress(Shape, kw_only=True):
    """A line of the stream of a pull, an import or a load."""

    stream: str | UnsetType = field(default=UNSET, name="stream")
    status: str | UnsetType = field(default=UNSET, name="status")
    progress_detail: ProgressDetail | UnsetType = field(default=UNSET, name="progressDetail")
    id: str | UnsetType = field(default=UNSET, name="id")


class ErrorDetail(Shape, kw_only=True):
    """The error that ends a stream."""

    message: str = field(name="message")


class ProgressError(Shape, kw_only=True):
    """The last line of a stream that failed."""

    error_detail: ErrorDetail = field(name="errorDetail")
    error: str = field(name="error")


class AuthConfig(Shape, kw_only=True):
    """The header X-Registry-Auth."""

    username: str = field(default="", name="username")
    password: str = field(default="", name="password")
    identitytoken: str = field(default="", name="identitytoken")


class BuildCachePruned(Shape, kw_only=True):
    """The answer to POST /build/prune, where there is no build cache."""

    caches_deleted: list[str] | None = None
    space_reclaimed: int = 0
