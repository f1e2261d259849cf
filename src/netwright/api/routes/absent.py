"""What Docker has and netwright has not: each answered with a sentence that says so.

Every sentence has the words "not supported": by them the docker command line tells, while it tries one kind of object
after the other, what an engine does not know from what has failed. What belongs to a swarm is answered as by any engine
that is in none: clients know that, and some ask to leave a swarm whether or not they are in one.
"""

from aiohttp import web

from netwright.api.call import Call, answer
from netwright.api.routes.table import Handler, Route
from netwright.api.wire.images import BuildCachePruned
from netwright.controller.api import NO_SWARM
from netwright.errors import NetwrightError, NotBuilt, Unavailable

_ABSENT = (
    ("building images is not supported: build with buildah or a buildx builder of its own, and load or pull the result",
     ("POST /build", "POST /build/cancel", "POST /session", "POST /grpc")),
    ("making images of containers is not supported: build them, or import a tar", ("POST /commit",)),
    ("swarm mode is not supported", ("POST /swarm/init", "POST /swarm/join", "PUT /volumes/{name}")),
    ("managed plugins are not supported",
     ("GET /plugins/{rest...}", "POST /plugins/{rest...}", "DELETE /plugins/{rest...}")),
    ("figures of single containers are not supported: read them from their cgroups",
     ("GET /containers/{id...}/stats",)),
    ("listing processes is not supported: run ps in the container with exec", ("GET /containers/{id...}/top",)),
    ("pausing containers is not supported", ("POST /containers/{id...}/pause", "POST /containers/{id...}/unpause")),
    ("changing the limits of a container is not supported: they are set when it is created",
     ("POST /containers/{id...}/update",)),
    ("listing the changed files of a container is not supported", ("GET /containers/{id...}/changes",)),
    ("exporting a whole container is not supported: copy its files with docker cp",
     ("GET /containers/{id...}/export",)),
    ("attaching over WebSocket is not supported: attach over a hijacked connection, as the docker command line does",
     ("GET /containers/{id...}/attach/ws",)),
    ("checkpoints are not supported",
     ("GET /containers/{id...}/checkpoints", "POST /containers/{id...}/checkpoints",
      "DELETE /containers/{id...}/checkpoints/{name}")),
    ("saving images is not supported: copy them from their registry with skopeo",
     ("GET /images/get", "GET /images/{name...}/get")),
    ("the history of images is not supported", ("GET /images/{name...}/history",)),
    ("pushing images is not supported: push with skopeo", ("POST /images/{name...}/push",)),
    ("searching registries is not supported", ("GET /images/search",)),
    ("looking into registries is not supported: use skopeo inspect", ("GET /distribution/{name...}/json",)),
    ("logging in to registries is not supported: docker pull sends credentials that docker login has stored before",
     ("POST /auth",)),
    ("measuring disk usage is not supported", ("GET /system/df",)),
)  # fmt: skip
_OF_A_SWARM = (
    "GET /swarm", "GET /swarm/{rest...}", "POST /swarm/{rest...}", "GET /nodes", "GET /nodes/{rest...}",
    "POST /nodes/{rest...}", "DELETE /nodes/{rest...}", "GET /services", "GET /services/{rest...}",
    "POST /services/{rest...}", "DELETE /services/{rest...}", "GET /tasks", "GET /tasks/{rest...}", "GET /secrets",
    "GET /secrets/{rest...}", "POST /secrets/{rest...}", "DELETE /secrets/{rest...}", "GET /configs",
    "GET /configs/{rest...}", "POST /configs/{rest...}", "DELETE /configs/{rest...}",
)  # fmt: skip


def routes() -> list[Route]:
    """Return a route for each of them, and the true answers to what asks for nothing but absent things."""
    found = [Route("GET", "/plugins", _no_plugins), Route("POST", "/build/prune", _nothing_to_prune)]
    for sentence, places in _ABSENT:
        for place in places:
            method, _, pattern = place.partition(" ")
            found.append(Route(method, pattern, _refusal(NotBuilt(sentence))))
    found.append(Route("POST", "/swarm/leave", _refusal(Unavailable("This node is not part of a swarm"))))
    for place in _OF_A_SWARM:
        method, _, pattern = place.partition(" ")
        found.append(Route(method, pattern, _refusal(Unavailable(NO_SWARM))))
    return found


def _refusal(error: NetwrightError) -> Handler:
    async def refuse(_: Call) -> web.StreamResponse:
        raise type(error)(str(error))

    return refuse


async def _no_plugins(_: Call) -> web.StreamResponse:
    return answer([])


async def _nothing_to_prune(_: Call) -> web.StreamResponse:
    return answer(BuildCachePruned())
