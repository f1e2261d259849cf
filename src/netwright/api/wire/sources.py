"""JSON shapes of sets of sources: who may connect to published ports, under names."""

from typing import ClassVar

from msgspec import field

from netwright.api.wire.shape import Shape


class Members(Shape, kw_only=True):
    """The body of PUT /netwright/sources/{name}: addresses, prefixes and ranges of addresses."""

    docker_name: ClassVar[str] = "Members"

    sources: list[str] = field(default_factory=list)


class MembersChange(Shape, kw_only=True):
    """The body of POST /netwright/sources/{name}: who comes into a set, and who leaves it."""

    docker_name: ClassVar[str] = "MembersChange"

    add: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)


class NamedSources(Shape, kw_only=True):
    """A set, who is in it, and who publishes ports for it."""

    name: str
    sources: list[str]
    used_by: list[str]
