"""What containers, images and volumes tell the world: Docker's events."""

import time

from netwright.model.container import Container
from netwright.model.events import Event
from netwright.telemetry.bus import Bus


class Announcements:
    """Speaks on the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def container(self, action: str, container: Container, **more: str) -> None:
        """Tell of a container; its labels are among the attributes, as Docker has it."""
        attributes = {
            **container.config.labels,
            "image": container.config.image,
            "name": container.name,
            **more,
        }
        self._say("container", action, container.id, attributes)

    def image(self, action: str, identity: str, name: str) -> None:
        """Tell of an image."""
        self._say("image", action, identity, {"name": name})

    def volume(self, action: str, name: str, **more: str) -> None:
        """Tell of a volume."""
        self._say("volume", action, name, more)

    def _say(self, kind: str, action: str, actor: str, attributes: dict[str, str]) -> None:
        self._bus.publish(Event(type=kind, action=action, actor=actor, attributes=attributes, time=time.time_ns()))
