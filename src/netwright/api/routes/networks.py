"""The routes of networks."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from msgspec import UNSET

from netwright.api.call import Call, answer, empty, encoded
from netwright.api.filters import Filters
from netwright.api.moments import nanoseconds, parse_moment
from netwright.api.routes.table import Route
from netwright.api.translate.endpoints import PREDEFINED, read_endpoint
from netwright.api.translate.networks import read_create, show_network, show_summary
from netwright.api.versions import STATUS, SUMMARIES, ApiVersion
from netwright.api.wire import networks as wire
from netwright.api.wire.shape import encode
from netwright.controller.api import Ambiguous, Networks
from netwright.errors import InvalidInput, NotFound, PlainRefusal
from netwright.model.container import Container, Status
from netwright.model.names import Id
from netwright.model.network import EndpointSpec, Network


class Sandboxes(Protocol):
    """What these routes need of the sandboxes."""

    async def disconnect(self, sandbox: Id, network: str, *, force: bool) -> None:
        """Leave a network."""


class Containers(Protocol):
    """What these routes need of the containers."""

    def get(self, reference: str) -> Container:
        """Return a container. Raises NotFound."""

    async def connect(self, reference: str, network: str, spec: EndpointSpec) -> None:
        """Join a network."""

    async def disconnect(self, reference: str, network: str, *, force: bool) -> None:
        """Leave a network."""


_FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
_TRUTHS = frozenset(("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"))


class NetworkRoutes:
    """Answers about networks."""

    def __init__(
        self,
        networks: Networks,
        sandboxes: Sandboxes,
        containers: Containers,
        defaults: Callable[[str], Mapping[str, str]],
        faults: Callable[[Id], Sequence[str]] = lambda _: (),
    ) -> None:
        self._networks = networks
        self._sandboxes = sandboxes
        self._containers = containers
        self._defaults = defaults
        self._faults = faults
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
        if not call.text("filters") and call.version >= SUMMARIES:
            return encoded(self._all(call.version))
        filters = call.filters(*_FILTERS)
        for kind in filters.get("type"):
            if kind not in {"custom", "builtin"}:
                raise PlainRefusal(f"invalid filter: 'type'='{kind}'")
        dangling = filters.flag("dangling")
        found = [network for network in self._networks.list() if self._passes(network, filters, dangling)]
        if call.version < SUMMARIES:
            return answer([self._whole(network, call.version) for network in found])
        return answer([show_summary(network, call.version) for network in found])

    def _whole(self, network: Network, version: ApiVersion) -> wire.NetworkShown:
        usage = self._networks.usage(network.id) if version >= STATUS else None
        shown = show_network(network, version, self._networks.attachments(network.id), usage)
        shown.degraded = list(self._faults(network.id)) or UNSET
        return shown

    def _all(self, version: ApiVersion) -> bytes:
        """Return all networks as JSON. Clients poll it: what has been encoded is kept for as long as it is true.

        A network is a value that never changes: the same object means the same text.
        """
        before = self._encoded.get(version, {})
        kept = {}
        for network in self._networks.list():
            known = before.get(network.id)
            if known is None or known[0] is not network:
                known = (network, encode(show_summary(network, version)).rstrip())
            kept[network.id] = known
        self._encoded[version] = kept
        return b"[" + b",".join([text for _, text in kept.values()]) + b"]\n"

    def _passes(self, network: Network, filters: Filters, dangling: bool | None) -> bool:
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
        if verbose and verbose not in _TRUTHS:
            raise InvalidInput(
                f'invalid value for verbose: {verbose}: strconv.ParseBool: parsing "{verbose}": invalid syntax'
            )
        try:
            network = self._networks.get(call["id"])
        except Ambiguous as error:
            # Docker has two wordings: this one is the inspection's alone.
            words = f"{error.matches} matches found based on ID prefix: network {error.term} is ambiguous"
            raise InvalidInput(words) from None
        if (call.text("scope") or network.scope) != network.scope:
            raise NotFound(f"network {call['id']} not found")
        return answer(self._whole(network, call.version))

    async def create(self, call: Call) -> web.StreamResponse:
        """Make a network."""
        asked = await call.body(wire.NetworkCreate, optional=True)
        request = read_create(asked, call.version, self._defaults(asked.driver or "bridge"))
        network = await self._networks.create(request)
        return answer(wire.NetworkCreated(id=network.id), 201)

    async def connect(self, call: Call) -> web.StreamResponse:
        """Join a container to a network."""
        asked = await call.body(wire.NetworkConnect, optional=True)
        container = self._changeable(asked.container)
        network = self._networks.get(call["id"])
        await self._containers.connect(container.id, network.id, read_endpoint(asked.endpoint_config))
        return empty(200)

    async def disconnect(self, call: Call) -> web.StreamResponse:
        """Take a container off a network."""
        asked = await call.body(wire.NetworkDisconnect, optional=True)
        try:
            container = self._changeable(asked.container)
        except NotFound:
            if not asked.force:
                raise
            await self._disconnect_forgotten(self._networks.get(call["id"]), asked.container)
            return empty(200)
        network = self._networks.get(call["id"])
        await self._containers.disconnect(container.id, network.id, force=asked.force)
        return empty(200)

    async def _disconnect_forgotten(self, network: Network, name: str) -> None:
        """Take an endpoint off a network whose container nobody knows any more."""
        for item in self._networks.attachments(network.id):
            if name in {item.sandbox.name, item.sandbox.owner, item.endpoint.id}:
                await self._sandboxes.disconnect(item.sandbox.id, network.id, force=True)
                return
        raise NotFound(f"endpoint {name} not found")

    def _changeable(self, reference: str) -> Container:
        """Return a container whose networks may change. Raises what says why not."""
        if not reference:
            raise InvalidInput('invalid name or ID supplied: ""')
        container = self._containers.get(reference)
        if container.joins is not None:
            raise InvalidInput(
                "container sharing network namespace with another container or host cannot be connected to any other "
                "network"
            )
        if container.state.status in {Status.REMOVING, Status.DEAD}:
            raise PlainRefusal(
                f"Container {container.id} is marked for removal and cannot be connected or disconnected to the network"
            )
        return container

    async def remove(self, call: Call) -> web.StreamResponse:
        """Remove a network; with `force`, which is ours, containers that do not run are taken off it first."""
        network = self._networks.get(call["id"])
        if call.flag("force"):
            for item in self._networks.attachments(network.id):
                if not item.sandbox.open:
                    await self._sandboxes.disconnect(item.sandbox.id, network.id, force=True)
        await self._networks.remove(network.id)
        return empty()

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the networks that nobody uses."""
        filters = call.filters("label", "label!", "until")
        before = [parse_moment(text, time.time()) for text in filters.get("until")]
        if len(before) > 1:
            raise InvalidInput("more than one until filter specified")

        def spare(network: Network) -> bool:
            young = any(nanoseconds(network.created) >= bound for bound in before)
            return young or not filters.labels(network.labels)

        removed = await self._networks.prune(spare)
        return answer(wire.NetworksPruned(networks_deleted=[network.name for network in removed] or None))
