"""Events: which of them pass a filter, and how one is shown. Pure."""

from msgspec import UNSET

from netwright.api.filters import Filters
from netwright.api.versions import STATUS, ApiVersion
from netwright.api.wire.events import Actor, EventShown
from netwright.model.events import Event

FILTERS = (
    "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
    "service", "type", "volume",
)  # fmt: skip
"""What events may be filtered by."""

_NAMED = ("config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume")
_WITH_WORDS = frozenset(("exec_create", "exec_start", "exec_die", "health_status"))
"""Actions that are followed by a colon and more; a filter may name them without."""


def passes(event: Event, filters: Filters) -> bool:
    """Tell whether an event is among those asked for."""
    return (
        filters.exact("type", event.type)
        and filters.exact("scope", "local")
        and _is_action(event, filters)
        and filters.labels(event.attributes)
        and all(_is_about(event, kind, filters) for kind in _NAMED)
        and _is_of_image(event, filters)
    )


def _is_action(event: Event, filters: Filters) -> bool:
    first = event.action.partition(":")[0]
    return filters.exact("event", event.action) or (first in _WITH_WORDS and filters.exact("event", first))


def _is_about(event: Event, kind: str, filters: Filters) -> bool:
    """Tell whether an event is about something of a kind whose id or name begins as asked."""
    if not filters.has(kind):
        return True
    name = event.attributes.get("name", "")
    return event.type == kind and any(
        event.actor.startswith(value) or name.startswith(value) for value in filters.get(kind)
    )


def _is_of_image(event: Event, filters: Filters) -> bool:
    if not filters.has("image"):
        return True
    name = event.attributes.get("name" if event.type == "image" else "image", "")
    return any(value in {event.actor, name, _untagged(name)} for value in filters.get("image"))


def _untagged(name: str) -> str:
    repository, colon, tag = name.rpartition(":")
    return repository if colon and "/" not in tag else name


def show_event(event: Event, version: ApiVersion) -> EventShown:
    """Return an event, up to API 1.51 with the keys of Docker's oldest form where it had them."""
    old = version < STATUS and event.type in {"container", "image"}
    image = event.attributes.get("image", "") if old and event.type == "container" else ""
    return EventShown(
        status=event.action if old else UNSET,
        id=event.actor if old else UNSET,
        origin=image or UNSET,
        type=event.type,
        action=event.action,
        actor=Actor(id=event.actor, attributes=dict(event.attributes)),
        time=event.time // 10**9,
        time_nano=event.time,
    )
