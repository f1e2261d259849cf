"""Finding the route of a request."""

import pytest
from aiohttp import web

from netwright.api.call import Call, empty
from netwright.api.routes.table import Route, Table


async def answer(_: Call) -> web.StreamResponse:
    return empty()


TABLE = Table(
    Route("GET", "/containers/json", answer),
    Route("GET", "/containers/{id...}/json", answer),
    Route("DELETE", "/containers/{id...}", answer),
    Route("GET", "/images/{name...}/json", answer),
    Route("GET", "/networks", answer),
    Route("GET", "/networks/{id...}", answer),
    Route("GET", "/exec/{id}/json", answer),
)


@pytest.mark.parametrize(
    ("method", "path", "pattern", "parameters"),
    [
        ("GET", "/containers/json", "/containers/json", {}),
        ("GET", "/containers/web/json", "/containers/{id...}/json", {"id": "web"}),
        ("GET", "/containers//web/json", "/containers/{id...}/json", {"id": "/web"}),
        ("DELETE", "/containers/web", "/containers/{id...}", {"id": "web"}),
        ("GET", "/images/r.example:5000/a/b:1/json", "/images/{name...}/json", {"name": "r.example:5000/a/b:1"}),
        ("GET", "/networks", "/networks", {}),
        ("GET", "/networks/", "/networks", {}),
        ("GET", "/networks/a%2Fb", "/networks/{id...}", {"id": "a%2Fb"}),
        ("GET", "/networks/a/", "/networks/{id...}", {"id": "a"}),
    ],
)
def test_a_path_finds_its_route(method: str, path: str, pattern: str, parameters: dict[str, str]) -> None:
    found = TABLE.find(method, path)

    assert found is not None
    assert (found.route.pattern, found.parameters) == (pattern, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/json"),
        ("HEAD", "/containers/json"),
        ("GET", "/container/json"),
        ("GET", "/exec/a/b/json"),
        ("GET", "/"),
        ("GET", ""),
        ("GET", "networks"),
    ],
)
def test_what_is_not_in_the_table_is_not_found(method: str, path: str) -> None:
    assert TABLE.find(method, path) is None


@pytest.mark.parametrize(
    ("method", "lasting", "changes"),
    [
        ("GET", False, False),
        ("HEAD", False, False),
        ("POST", False, True),
        ("DELETE", False, True),
        ("PUT", True, False),
    ],
)
def test_only_changes_that_end_by_themselves_are_carried_to_their_end(
    method: str, lasting: bool, changes: bool
) -> None:
    assert Route(method, "/x", answer, lasting=lasting).changes is changes
