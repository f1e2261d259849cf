"""The OpenAPI document of what this engine answers, made from the table of routes and the shapes of `wire`.

What a route takes and gives stands here once; a test holds it against what the handlers really ask for. Routes for what
is not built answer 501 or 503 and are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from netwright import __version__
from netwright.api.call import Call, answer
from netwright.api.routes.table import Route, parameters
from netwright.api.versions import NEWEST
from netwright.api.wire import (
    containers,
    firewall,
    images,
    names,
    networks,
    publishing,
    sources,
    system,
    upkeep,
    volumes,
)
from netwright.api.wire import exec as executions
from netwright.api.wire.events import EventShown

PATH = "/netwright/openapi.json"

_REF = "#/components/schemas/{name}"
_STREAM = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Said:
    """What a route takes and gives. `body` is a shape, or a media type for what is streamed; `shows` the same."""

    query: tuple[str, ...] = ()
    body: Any = None
    shows: Any = None
    status: int = 200


_PRUNE = ("filters",)
_STOP = ("signal", "t")
_SIZE = ("h", "w")

SAID: Mapping[str, Said] = {
    "GET /_ping": Said(shows="text/plain"),
    "HEAD /_ping": Said(),
    "GET /version": Said(shows=system.Version),
    "GET /info": Said(shows=system.Info),
    "GET /metrics": Said(shows="text/plain"),
    "GET /events": Said(("filters", "since", "until"), shows=EventShown),
    "GET /containers/json": Said(("all", "filters", "limit"), shows=list[containers.ContainerSummary]),
    "POST /containers/create": Said(
        ("name", "platform"), containers.ContainerCreate, containers.ContainerCreated, HTTPStatus.CREATED
    ),
    "POST /containers/prune": Said(_PRUNE, shows=containers.ContainersPruned),
    "GET /containers/{id...}/json": Said(shows=containers.ContainerShown),
    "POST /containers/{id...}/start": Said(("checkpoint",), status=204),
    "POST /containers/{id...}/stop": Said(_STOP, status=204),
    "POST /containers/{id...}/restart": Said(_STOP, status=204),
    "POST /containers/{id...}/kill": Said(("signal",), status=204),
    "POST /containers/{id...}/rename": Said(("name",), status=204),
    "POST /containers/{id...}/resize": Said(_SIZE),
    "HEAD /containers/{id...}/archive": Said(("path",)),
    "GET /containers/{id...}/archive": Said(("path",), shows="application/x-tar"),
    "PUT /containers/{id...}/archive": Said(("noOverwriteDirNonDir", "path"), "application/x-tar"),
    "GET /containers/{id...}/logs": Said(
        ("follow", "since", "stderr", "stdout", "tail", "timestamps", "until"), shows=_STREAM
    ),
    "POST /containers/{id...}/wait": Said(("condition",), shows=containers.Waited),
    "POST /containers/{id...}/attach": Said(
        ("detachKeys", "logs", "stderr", "stdin", "stdout", "stream"), shows=_STREAM
    ),
    "DELETE /containers/{id...}": Said(("force", "link", "v"), status=204),
    "POST /containers/{id...}/exec": Said((), executions.ExecCreate, executions.Created, HTTPStatus.CREATED),
    "POST /exec/{id}/start": Said((), executions.ExecStart, _STREAM),
    "POST /exec/{id}/resize": Said(_SIZE),
    "GET /exec/{id}/json": Said(shows=executions.ExecShown),
    "GET /images/json": Said(("filters",), shows=list[images.ImageSummary]),
    "POST /images/load": Said(("quiet",), "application/x-tar", images.Progress),
    "POST /images/create": Said(
        ("changes", "fromImage", "fromSrc", "message", "platform", "repo", "tag"), "application/x-tar", images.Progress
    ),
    "POST /images/prune": Said(_PRUNE, shows=images.ImagesPruned),
    "GET /images/{name...}/json": Said(shows=images.ImageShown),
    "POST /images/{name...}/tag": Said(("repo", "tag"), status=201),
    "DELETE /images/{name...}": Said(("force",), shows=list[images.ImageRemoved]),
    "GET /volumes": Said(("filters",), shows=volumes.VolumesShown),
    "POST /volumes/create": Said((), volumes.VolumeCreate, volumes.VolumeShown, HTTPStatus.CREATED),
    "POST /volumes/prune": Said(_PRUNE, shows=volumes.VolumesPruned),
    "GET /volumes/{name}": Said(shows=volumes.VolumeShown),
    "DELETE /volumes/{name}": Said(("force",), status=204),
    "GET /networks": Said(("filters",), shows=list[networks.NetworkShown]),
    "POST /networks/create": Said((), networks.NetworkCreate, networks.NetworkCreated, HTTPStatus.CREATED),
    "POST /networks/prune": Said(_PRUNE, shows=networks.NetworksPruned),
    "GET /networks/{id...}": Said(("scope", "verbose"), shows=networks.NetworkShown),
    "POST /networks/{id...}/connect": Said((), networks.NetworkConnect),
    "POST /networks/{id...}/disconnect": Said((), networks.NetworkDisconnect),
    "DELETE /networks/{id...}": Said(("force",), status=204),
    "GET /netwright/containers/{id...}/ports": Said(shows=list[publishing.PublishedPort]),
    "POST /netwright/containers/{id...}/publish": Said((), publishing.Publication, status=204),
    "POST /netwright/containers/{id...}/unpublish": Said((), publishing.Publication, status=204),
    "GET /netwright/containers/{id...}/dns": Said(("name", "type"), shows=names.NameExplained),
    "GET /netwright/dns/host": Said(("name", "type"), shows=names.NameExplained),
    "GET /netwright/dns": Said(shows=list[names.NamesCounted]),
    "GET /netwright/firewall": Said(shows="text/plain"),
    "GET /netwright/firewall/explain": Said(("from", "to"), shows=firewall.Explained),
    "GET /netwright/firewall/check": Said(shows=firewall.Checked),
    "POST /netwright/firewall/repair": Said(status=204),
    "GET /netwright/sources": Said(shows=list[sources.NamedSources]),
    "PUT /netwright/sources/{name}": Said((), sources.Members, sources.NamedSources),
    "POST /netwright/sources/{name}": Said((), sources.MembersChange, sources.NamedSources),
    "DELETE /netwright/sources/{name}": Said(status=204),
    "GET /netwright/check": Said(shows=list[upkeep.DifferenceShown]),
    "POST /netwright/repair": Said(shows=upkeep.RepairedShown),
    f"GET {PATH}": Said(shows="application/json"),
}


def route(others: Sequence[Route]) -> Route:
    """Return the route that shows the document of these routes and of itself; each has to be known to `SAID`."""

    async def show(_: Call) -> web.StreamResponse:
        """Show this document."""
        return answer(document([*others, Route("GET", PATH, show)]))

    return Route("GET", PATH, show)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document of these routes."""
    known = [(one, SAID[f"{one.method} {one.pattern}"]) for one in routes]
    shapes = {shape for _, said in known for shape in (said.body, said.shows) if _is_shape(shape)}
    shapes.add(system.Problem)
    ordered = sorted(shapes, key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF, schema_hook=_anything)
    of = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one, said in known:
        path = one.pattern.replace("...}", "}")
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, said, of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Netwright",
            "version": str(NEWEST),
            "description": f"Docker's Engine API as Netwright {__version__} answers it, and what it adds (/netwright).",
        },
        "servers": [{"url": f"/v{NEWEST}"}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _anything(kind: type) -> dict[str, Any]:
    """Return the schema of what may be anything."""
    if kind is object:
        return {"description": "Anything."}
    raise NotImplementedError(kind)


def _is_shape(wanted: Any) -> bool:
    return wanted is not None and not isinstance(wanted, str)


def _operation(one: Route, said: Said, of: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    summary = (one.handler.__doc__ or "").strip().partition("\n")[0]
    responses: dict[str, Any] = {str(int(said.status)): _response(said.shows, of)}
    responses["default"] = {
        "description": "What was asked cannot be done, and why.",
        "content": {"application/json": {"schema": of[system.Problem]}},
    }
    operation: dict[str, Any] = {
        "operationId": f"{one.method.lower()}{''.join(word.title() for word in _words(one.pattern))}",
        "summary": summary,
        "parameters": list(_parameters(one, said)),
        "responses": responses,
    }
    if said.body is not None:
        kind, schema = (said.body, {}) if isinstance(said.body, str) else ("application/json", of[said.body])
        operation["requestBody"] = {"content": {kind: {"schema": schema}}}
    return operation


def _words(pattern: str) -> list[str]:
    return [word.strip("{}.") for word in pattern.replace("_", "").split("/") if word]


def _parameters(one: Route, said: Said) -> Iterator[dict[str, Any]]:
    for name in parameters(one.pattern):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in said.query:
        yield {"name": name, "in": "query", "schema": {"type": "string"}}


def _response(shows: Any, of: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    if shows is None:
        return {"description": "It is done."}
    kind, schema = (shows, {}) if isinstance(shows, str) else ("application/json", of[shows])
    return {"description": "What was asked for.", "content": {kind: {"schema": schema}}}
