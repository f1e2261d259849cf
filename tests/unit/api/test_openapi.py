"""The OpenAPI document says what the routes really take. The fixture `agreed` holds all of the API's tests to it."""

import json
from typing import Any

import pytest
from aiohttp import web

from netwright.api import openapi
from netwright.api.call import Call, empty
from netwright.api.routes.table import Route, Table


async def answer(_: Call) -> web.StreamResponse:
    """Answer."""
    return empty()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the document of all routes that are known."""
    places = [said.split(" ") for said in openapi.SAID]
    made = openapi.document([Route(method, path, answer) for method, path in places])
    read: dict[str, Any] = json.loads(json.dumps(made))
    return read


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]

    assert len(names) == len(set(names)) == len(openapi.SAID)


def test_every_reference_leads_to_a_schema(document: dict[str, Any]) -> None:
    wanted: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                wanted.add(value["$ref"].rpartition("/")[2])
            for entry in value.values():
                look(entry)
        elif isinstance(value, list):
            for entry in value:
                look(entry)

    look(document)
    assert wanted <= set(document["components"]["schemas"])
    assert {"NetworkCreate", "ContainerCreate", "Problem"} <= wanted


def test_parameters_of_the_path_are_those_that_a_request_is_found_by(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
            route = next(one for one in openapi.SAID if one.replace("...}", "}") == f"{method.upper()} {path}")
            table = Table(Route(method.upper(), route.split(" ")[1], answer))
            found = table.find(method.upper(), path.replace("{", "").replace("}", ""))
            assert found is not None
            assert list(found.parameters) == named


def test_a_route_that_the_document_does_not_know_is_a_fault() -> None:
    with pytest.raises(KeyError, match="GET /forgotten"):
        openapi.document([Route("GET", "/forgotten", answer)])
