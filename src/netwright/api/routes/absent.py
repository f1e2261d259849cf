"""What Docker has and netwright has not: each answered with a sentence that says so."""

from aiohttp import web

from netwright.api.call import Call
from netwright.api.routes.table import Handler, Route
from netwright.errors import NotBuilt

_REASONS = (
    ("images are built by other programs (buildah, docker buildx with its own builder): load or pull the result",
     ("POST /build", "POST /build/prune", "POST /build/cancel", "POST /session", "POST /grpc", "POST /commit")),
    ("there is no swarm mode",
     ("GET /swarm", "POST /swarm/{rest...}", "GET /swarm/{rest...}", "GET /nodes", "GET /nodes/{rest...}",
      "GET /services", "GET /services/{rest...}", "POST /services/{rest...}", "GET /tasks", "GET /tasks/{rest...}",
      "GET /secrets", "GET /secrets/{rest...}", "POST /secrets/create", "GET /configs", "GET /configs/{rest...}",
      "POST /configs/create")),
    ("there are no managed plugins",
     ("GET /plugins", "GET /plugins/{rest...}", "POST /plugins/{rest...}", "DELETE /plugins/{rest...}")),
    ("figures of containers are read from their cgroups or from GET /metrics",
     ("GET /containers/{id}/stats", "GET /containers/{id}/top")),
    ("containers cannot be paused", ("POST /containers/{id}/pause", "POST /containers/{id}/unpause")),
    ("limits of a container are set when it is created", ("POST /containers/{id}/update",)),
    ("changes of a container's files are not listed", ("GET /containers/{id}/changes",)),
    ("a container's files are taken out with docker cp",
     ("GET /containers/{id}/export", "GET /images/get", "GET /images/{name...}/get")),
    ("attach by POST and a hijacked connection", ("GET /containers/{id}/attach/ws",)),
    ("checkpoints are not supported",
     ("GET /containers/{id}/checkpoints", "POST /containers/{id}/checkpoints")),
    ("images are pushed and searched for with skopeo",
     ("POST /images/{name...}/push", "GET /images/search", "GET /distribution/{name...}/json")),
    ("registries are logged in to with skopeo login", ("POST /auth",)),
)  # fmt: skip


def routes() -> list[Route]:
    """Return a route for each of them."""
    found = []
    for reason, places in _REASONS:
        for place in places:
            method, _, pattern = place.partition(" ")
            found.append(Route(method, pattern, _refusal(pattern, reason)))
    return found


def _refusal(pattern: str, reason: str) -> Handler:
    async def refuse(call: Call) -> web.StreamResponse:  # noqa: ARG001 - every call is answered alike
        raise NotBuilt(f"{pattern} is not a part of netwright: {reason}")

    return refuse
