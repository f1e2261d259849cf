"""Which containers are listed: the parameters and filters of GET /containers/json. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from netwright.api.call import Call
from netwright.api.filters import Filters
from netwright.api.translate.containers import Shown
from netwright.errors import InvalidInput, NotFound
from netwright.model.container import Container, Status
from netwright.model.ports import Port, parse_port_range, parse_protocol

_FILTERS = (
    "ancestor", "before", "expose", "exited", "health", "id", "isolation", "is-task", "label", "name", "network",
    "publish", "since", "status", "volume",
)  # fmt: skip
_STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked of the list, with all containers that there are, oldest first."""

    containers: Sequence[Container]
    filters: Filters
    everything: bool
    limit: int

    @classmethod
    def read(cls, call: Call, containers: Sequence[Container]) -> "Listing":
        """Read the parameters. Raises InvalidInput."""
        filters = call.filters(*_FILTERS)
        for status in filters.get("status"):
            if status not in _STATUSES:
                raise InvalidInput(f"invalid value for state ({status}): must be one of {', '.join(_STATUSES)}")
        for code in filters.get("exited"):
            if not code.lstrip("-").isdigit():
                raise InvalidInput(f'strconv.Atoi: parsing "{code}": invalid syntax')
        limit = call.number("limit") or 0
        # These two look at containers that do not run too, whether or not `all` is given.
        implied = limit > 0 or filters.has("status")
        return cls(containers, filters, call.flag("all") or implied, limit)

    def candidates(self) -> list[Container]:
        """Return what passes by itself, the newest first."""
        chosen = self._between(list(self.containers))
        return [container for container in reversed(chosen) if self._passes_alone(container)]

    def _between(self, containers: list[Container]) -> list[Container]:
        for key, keep in (("before", _until), ("since", _from)):
            for reference in self.filters.get(key):
                containers = keep(containers, _place(containers, reference))
        return containers

    def _passes_alone(self, container: Container) -> bool:
        filters, state = self.filters, container.state
        if not self.everything and state.status not in {Status.RUNNING, Status.RESTARTING}:
            return False
        if filters.has("exited") and (
            state.status is not Status.EXITED or str(state.exit_code) not in filters.get("exited")
        ):
            return False
        return (
            filters.flag("is-task") is not True
            and filters.exact("status", str(state.status))
            and filters.match("id", container.id)
            and filters.match("name", container.name, f"/{container.name}")
            and filters.labels(container.config.labels)
            and filters.exact("health", "none")
            and self._from_image(container)
            and self._has_volume(container)
        )

    def _from_image(self, container: Container) -> bool:
        wanted = self.filters.get("ancestor")
        bare = container.image.removeprefix("sha256:")
        names = {container.config.image, f"{container.config.image}:latest", container.image, bare}
        return not wanted or any(name in names or (len(name) >= 12 and bare.startswith(name)) for name in wanted)

    def _has_volume(self, container: Container) -> bool:
        wanted = self.filters.get("volume")
        present = {name for mount in container.mounts for name in (mount.volume, mount.source, mount.target) if name}
        return not wanted or any(name in present for name in wanted)

    def passes(self, shown: Shown) -> bool:
        """Tell whether a container passes by its networks and ports."""
        return self._on_network(shown) and self._publishes(shown) and self._exposes(shown)

    def _on_network(self, shown: Shown) -> bool:
        wanted = self.filters.get("network")
        present = [(item.network.name, item.network.id) for item in shown.attachments]
        return not wanted or any(
            text == name or (text and identity.startswith(text)) for text in wanted for name, identity in present
        )

    def _publishes(self, shown: Shown) -> bool:
        published = {b.port for item in shown.attachments if item.sandbox.open for b in item.endpoint.bindings}
        return _some_port(self.filters.get("publish"), lambda port: port in published)

    def _exposes(self, shown: Shown) -> bool:
        return _some_port(self.filters.get("expose"), lambda port: port in shown.exposed)


def _some_port(wanted: Collection[str], has: Callable[[Port], bool]) -> bool:
    return not wanted or any(has(port) for text in wanted for port in _ports(text))


def _ports(text: str) -> list[Port]:
    numbers, _, protocol = text.partition("/")
    first, last = parse_port_range(numbers, text)
    return [Port(number, parse_protocol(protocol or "tcp")) for number in range(first, last + 1)]


def _place(containers: Sequence[Container], reference: str) -> int:
    """Return where a container stands. A whole name goes before the start of an id. Raises NotFound."""
    name = reference.removeprefix("/")
    named = [place for place, other in enumerate(containers) if name in {other.name, other.id}]
    begun = [place for place, other in enumerate(containers) if reference and other.id.startswith(reference)]
    if not (named or begun):
        raise NotFound(f"No such container: {reference}")
    return (named or begun)[0]


def _until(containers: list[Container], place: int) -> list[Container]:
    return containers[:place]


def _from(containers: list[Container], place: int) -> list[Container]:
    return containers[place + 1 :]
