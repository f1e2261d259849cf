"""JSON shapes of what Docker's API has no word for: names, as the engine's resolver answers them."""

from typing import ClassVar

from netwright.api.wire.shape import Shape


class NameExplained(Shape, kw_only=True):
    """What a program in a container, or of the host, would be answered. `Source` is `zone`, `upstream` or `nowhere`."""

    docker_name: ClassVar[str] = "NameExplained"

    name: str
    type: str
    source: str
    why: str
    told: list[str]
    clash: str
    servers: list[str]


class NamesCounted(Shape, kw_only=True):
    """What has happened with names in a container since it started."""

    container: str
    name: str
    queries: int
    in_kernel: int
    forwards: int
    cached: int
    failures: int
    refused: int
    malformed: int
    forward_seconds: float
