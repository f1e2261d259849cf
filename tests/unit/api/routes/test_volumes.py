"""Volumes over HTTP."""

import pytest
from tests.unit.api.client import Http, filters
from tests.unit.api.fakes import FakeEngine

SHOWN = {
    "CreatedAt": "2026-03-04T05:06:07.891Z",
    "Driver": "local",
    "Labels": {"a": "b"},
    "Mountpoint": "/var/lib/netwright/volumes/data/_data",
    "Name": "data",
    "Options": None,
    "Scope": "local",
}


async def test_a_volume_is_made_shown_and_removed(http: Http) -> None:
    assert await http.call("POST", "/volumes/create", {"Name": "data", "Labels": {"a": "b"}}) == (201, SHOWN)
    assert await http.get("/volumes/data") == SHOWN
    assert await http.get("/volumes") == {"Volumes": [SHOWN], "Warnings": None}
    assert await http.call("DELETE", "/volumes/data") == (204, b"")
    assert await http.call("GET", "/volumes/data") == (404, {"message": "get data: no such volume"})


async def test_a_volume_needs_no_name(http: Http) -> None:
    status, made = await http.call("POST", "/volumes/create")

    assert status == 201
    assert len(made["Name"]) == 64


async def test_an_unknown_driver_and_a_used_volume_are_refused(http: Http) -> None:
    assert (await http.call("POST", "/volumes/create", {"Name": "a", "Driver": "nfs"}))[0] == 404
    await http.call("POST", "/volumes/create", {"Name": "used"})
    assert (await http.call("DELETE", "/volumes/used"))[0] == 409


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"dangling": ["true"]}, ["data"]),
        ({"dangling": ["false"]}, ["used"]),
        ({"name": ["dat"]}, ["data"]),
        ({"label": ["a=b"]}, ["data"]),
        ({"driver": ["nfs"]}, []),
    ],
    ids=str,
)
async def test_the_list_is_filtered(http: Http, wanted: dict[str, list[str]], names: list[str]) -> None:
    await http.call("POST", "/volumes/create", {"Name": "data", "Labels": {"a": "b"}})
    await http.call("POST", "/volumes/create", {"Name": "used"})

    assert [item["Name"] for item in (await http.get("/volumes", filters=filters(**wanted)))["Volumes"]] == names


@pytest.mark.parametrize(
    ("path", "query", "left"),
    [
        ("/volumes/prune", {}, 1),
        ("/v1.41/volumes/prune", {}, 0),
        ("/volumes/prune", {"filters": filters(all=["true"])}, 0),
        ("/volumes/prune", {"filters": filters(all=["true"], label=["x"])}, 2),
    ],
)
async def test_a_prune_spares_named_volumes_as_newer_clients_expect(
    engine: FakeEngine, http: Http, path: str, query: dict[str, str], left: int
) -> None:
    await http.call("POST", "/volumes/create", {"Name": "data"})
    await http.call("POST", "/volumes/create")

    assert (await http.call("POST", path, **query))[0] == 200
    assert len(engine.volumes.rows) == left
