"""JSON shapes of events."""

from msgspec import UNSET, UnsetType, field

from netwright.api.wire.shape import Shape


class Actor(Shape, kw_only=True):
    """Whom an event is about."""

    id: str = field(name="ID")
    attributes: dict[str, str]


class EventShown(Shape, kw_only=True):
    """An event; the lower-case keys are of Docker's oldest form."""

    status: str | UnsetType = field(default=UNSET, name="status")
    id: str | UnsetType = field(default=UNSET, name="id")
    origin: str | UnsetType = field(default=UNSET, name="from")
    type: str
    action: str
    actor: Actor
    scope: str = field(default="local", name="scope")
    time: int = field(name="time")
    time_nano: int = field(name="timeNano")
