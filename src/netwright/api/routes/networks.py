"""The routes of networks."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer, empty, encoded
from netwright.api.filters import Filters
from netwright.api.moments import nanoseconds, parse_moment
from netwright.api.routes.table import Route
from netwright.api.translate.endpoints import PREDEFINED, read_endpoint
from netwright.api.translate.networks import read_create, show_network
from netwright.api.versions import ApiVersion
from netwright.api.wire import networks as wire
from netwright.api.wire.shape import encode
from netwright.controller.api import Attachment, Networks
from netwright.errors import Forbidden, InvalidInput, NotFound
from netwright.model.container import Container
from netwright.model.names import Id
from netwright.model.network import EndpointSpec, Network


class Sandboxes(Protocol):
    """What these routes need of the sandboxes."""

    async def connect(self, sandbox: Id, network: str, spec: EndpointSpec) -> Attachment:
        """Join a network."""

    async def disconnect(self, sandbox: Id, network: str, *, force: bool) -> None:
        """Leave a network."""


class Containers(Protocol):
    """What these routes need of the containers."""

    def get(self, reference: str) -> Container:
        """Return a container. Raises NotFound."""

    async def refresh_files(self, owner: Id) -> None:
        """Write a container's hosts file anew."""


_FILTERS = ("dangling", "driver", "id", "label", "label!", "name", "scope", "type")


class NetworkRoutes:
    """Answers about networks."""

    def __init__(
        self,
        networks: Networks,
        sandboxes: Sandboxes,
        containers: Containers,
        defaults: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._networks = networks
        self._sandboxes = sandboxes
        self._containers = containers
        self._defaults = defaults
        self._encoded: dict[ApiVersion, dict[Id, tuple[Network, bytes]]] = {}

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/networks", self.list),
            Route("POST", "/networks/create", self.create),
            Route("POST", "/networks/prune", self.prune),
            Route("GET", "/networks/{id...}", self.inspect),
            Route("POST", "/networks/{id...}/connect", self.connect),
            Route("POST", "/networks/{id...}/disconnect", self.disconnect),
            Route("DELETE", "/networks/{id...}", self.remove),
        ]

    async def list(self, call: Call) -> web.StreamResponse:
        """List networks."""
        if not call.text("filters"):
            return encoded(self._all(call.version))
        filters = call.filters(*_FILTERS)
        kinds = filters.get("type")
        if any(kind not in {"custom", "builtin"} for kind in kinds):
            raise InvalidInput(f"invalid filter: 'type'='{next(iter(kinds))}'")
        found = [network for network in self._networks.list() if self._passes(network, filters)]
        return answer([show_network(network, call.version) for network in found])

    def _all(self, version: ApiVersion) -> bytes:
        """Return all networks as JSON. Clients poll it: what has been encoded is kept for as long as it is true.

        A network is a value that never changes: the same object means the same text.
        """
        before = self._encoded.get(version, {})
        kept = {}
        for network in self._networks.list():
            known = before.get(network.id)
            if known is None or known[0] is not network:
                known = (network, encode(show_network(network, version)).rstrip())
            kept[network.id] = known
        self._encoded[version] = kept
        return b"[" + b",".join([text for _, text in kept.values()]) + b"]\n"

    def _passes(self, network: Network, filters: Filters) -> bool:
        dangling = filters.flag("dangling")
        is_builtin = network.name in PREDEFINED
        if dangling is not None:
            used = is_builtin or bool(self._networks.attachments(network.id))
            if used == dangling:
                return False
        return (
            filters.exact("driver", network.driver)
            and filters.exact("scope", network.scope)
            and filters.exact("type", "builtin" if is_builtin else "custom")
            and filters.match("id", network.id)
            and filters.match("name", network.name)
            and filters.labels(network.labels)
        )

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect a network."""
        verbose = call.text("verbose")
        if verbose and verbose.lower() not in {"0", "1", "t", "f", "true", "false"}:
            raise InvalidInput(f'strconv.ParseBool: parsing "{verbose}": invalid syntax')
        network = self._networks.get(call["id"])
        if call.text("scope", network.scope) != network.scope:
            raise NotFound(f"network {call['id']} not found")
        return answer(show_network(network, call.version, self._networks.attachments(network.id)))

    async def create(self, call: Call) -> web.StreamResponse:
        """Make a network."""
        asked = await call.body(wire.NetworkCreate)
        request = read_create(asked, call.version, self._defaults(asked.driver or "bridge"))
        network = await self._networks.create(request)
        return answer(wire.NetworkCreated(id=network.id), 201)

    async def connect(self, call: Call) -> web.StreamResponse:
        """Join a container to a network."""
        asked = await call.body(wire.NetworkConnect)
        network = self._networks.get(call["id"])
        container = self._containers.get(asked.container)
        _refuse_joined(container)
        await self._sandboxes.connect(container.sandbox, network.id, read_endpoint(asked.endpoint_config))
        await self._containers.refresh_files(container.id)
        return empty(200)

    async def disconnect(self, call: Call) -> web.StreamResponse:
        """Take a container off a network."""
        asked = await call.body(wire.NetworkDisconnect)
        network = self._networks.get(call["id"])
        container = self._containers.get(asked.container)
        _refuse_joined(container)
        await self._sandboxes.disconnect(container.sandbox, network.id, force=asked.force)
        await self._containers.refresh_files(container.id)
        return empty(200)

    async def remove(self, call: Call) -> web.StreamResponse:
        """Remove a network."""
        await self._networks.remove(call["id"])
        return empty()

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the networks that nobody uses."""
        filters = call.filters("label", "label!", "until")
        before = [parse_moment(text, time.time()) for text in filters.get("until")]
        if len(before) > 1:
            raise InvalidInput("more than one until filter specified")
        removed = []
        for network in self._networks.list():
            young = any(nanoseconds(network.created) >= bound for bound in before)
            if network.name in PREDEFINED or network.config_only or young or not filters.labels(network.labels):
                continue
            try:
                await self._networks.remove(network.id)
            except Forbidden:
                continue
            removed.append(network.name)
        return answer(wire.NetworksPruned(networks_deleted=removed or None))


def _refuse_joined(container: Container) -> None:
    if container.joins is not None:
        raise InvalidInput(
            "container sharing network namespace with another container or host cannot be connected to any other "
            "network"
        )
