"""What Docker has and netwright has not."""

import pytest
from tests.unit.api.client import Http

from netwright.api.routes.absent import routes

REFUSED = [
    ("POST", "/build"),
    ("POST", "/commit"),
    ("POST", "/swarm/init"),
    ("GET", "/plugins/x/json"),
    ("GET", "/containers/web/stats"),
    ("GET", "/containers/web/top"),
    ("POST", "/containers/web/pause"),
    ("POST", "/containers/web/update"),
    ("GET", "/containers/web/changes"),
    ("GET", "/containers/web/export"),
    ("GET", "/containers/web/attach/ws"),
    ("GET", "/images/get"),
    ("GET", "/images/a/b/history"),
    ("POST", "/images/a/b/push"),
    ("GET", "/images/search"),
    ("GET", "/distribution/a/b/json"),
    ("POST", "/auth"),
    ("GET", "/system/df"),
]


@pytest.mark.parametrize(("method", "path"), REFUSED)
async def test_what_is_absent_is_refused_with_a_sentence(http: Http, method: str, path: str) -> None:
    status, body = await http.call(method, path)

    assert status == 501
    assert "not supported" in body["message"]


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/swarm", "This node is not a swarm manager."),
        ("GET", "/services", "This node is not a swarm manager."),
        ("GET", "/nodes/x", "This node is not a swarm manager."),
        ("POST", "/secrets/create", "This node is not a swarm manager."),
        ("POST", "/swarm/leave", "This node is not part of a swarm"),
    ],
)
async def test_what_is_of_a_swarm_is_answered_as_outside_of_one(http: Http, method: str, path: str, words: str) -> None:
    status, body = await http.call(method, path)

    assert status == 503
    assert body["message"].startswith(words)


async def test_what_is_absent_needs_neither_pruning_nor_listing(http: Http) -> None:
    assert await http.get("/plugins") == []
    assert await http.call("POST", "/build/prune") == (200, {"CachesDeleted": None, "SpaceReclaimed": 0})


def test_no_place_is_named_twice() -> None:
    places = [(route.method, route.pattern) for route in routes()]

    assert len(places) == len(set(places))
