"""JSON shapes of what Docker's API has no word for: ports that are published and limited while a container lives."""

from typing import ClassVar

from msgspec import field

from netwright.api.wire.containers import PortBinding
from netwright.api.wire.shape import Shape


class Publication(Shape, kw_only=True):
    """The body of POST /netwright/containers/{id}/publish and unpublish: ports as in Docker's `PortBindings`.

    `from` are those who may connect (`model.sources`); where nobody is named the engine's default holds.
    """

    docker_name: ClassVar[str] = "Publication"

    ports: dict[str, list[PortBinding] | None] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list, name="From")


class PublishedPort(Shape, kw_only=True):
    """One granted binding, and who may connect."""

    port: str
    host_ip: str
    host_port: str
    sources: str = field(name="From")
