"""What can happen, in the form in which Docker's `events` shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a container, a network, an image, a volume or the daemon.

    `time` is in nanoseconds since 1970.
    """

    type: str
    action: str
    actor: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    time: int
