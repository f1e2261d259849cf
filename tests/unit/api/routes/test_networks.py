"""Networks over HTTP."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from tests.unit.api.client import Http, filters
from tests.unit.api.fake_networks import network
from tests.unit.api.fakes import FakeEngine

from netwright.model.container import Status
from netwright.model.names import Id


async def test_a_network_is_made_shown_and_removed(http: Http) -> None:
    wish = {"Name": "mine", "IPAM": {"Config": [{"Subnet": "10.1.0.0/16"}]}, "Labels": {"a": "b"}}

    status, made = await http.call("POST", "/networks/create", wish)

    assert (status, made["Warning"]) == (201, "")
    shown = await http.get("/networks/mine")
    assert (shown["Id"], shown["Name"], shown["Labels"]) == (made["Id"], "mine", {"a": "b"})
    assert shown["IPAM"]["Config"] == [{"Subnet": "10.1.0.0/16"}]
    assert await http.get(f"/networks/{made['Id'][:12]}") == shown
    assert await http.call("DELETE", "/networks/mine") == (204, b"")
    assert await http.call("GET", "/networks/mine") == (404, {"message": "network mine not found"})


@pytest.mark.parametrize("name", ["a/b", "a b", "ü", "connect"])
async def test_a_network_may_have_any_name(http: Http, name: str) -> None:
    assert (await http.call("POST", "/networks/create", {"Name": name}))[0] == 201

    async with http.client.get(f"/networks/{quote(name, safe='')}") as response:
        assert (await response.json())["Name"] == name


async def test_the_list_follows_every_change(engine: FakeEngine, http: Http) -> None:
    async def names(path: str = "/networks") -> list[str]:
        return [item["Name"] for item in await http.get(path)]

    assert await names() == ["bridge", "host", "none"]
    engine.networks.add(network("mine", number=5))
    assert await names() == ["bridge", "host", "none", "mine"]
    await http.call("DELETE", "/networks/mine")
    assert await names() == await names("/networks/") == ["bridge", "host", "none"]


async def test_the_list_is_that_of_its_version_and_without_containers(http: Http) -> None:
    await http.run("sleep")
    for _ in range(2):
        old, new = await http.get("/v1.41/networks"), await http.get("/v1.51/networks")

        assert "EnableIPv4" not in old[0]
        assert new[0]["EnableIPv4"] is True
        assert new[0]["Containers"] == {}
        assert "Containers" not in (await http.get("/v1.52/networks"))[0]
    assert len((await http.get("/networks/bridge"))["Containers"]) == 1
    assert len((await http.get("/v1.27/networks"))[0]["Containers"]) == 1


async def test_how_full_a_network_is_stands_in_an_inspection_only(http: Http) -> None:
    assert (await http.get("/networks/bridge"))["Status"] == {
        "IPAM": {"Subnets": {"172.17.0.0/16": {"IPsInUse": 1, "DynamicIPsAvailable": 2}}}
    }
    assert "Status" not in await http.get("/v1.51/networks/bridge")
    assert "Status" not in (await http.get("/networks"))[0]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"driver": ["host"]}, ["host"]),
        ({"driver": ["host", "null"]}, ["host", "none"]),
        ({"name": ["^b"]}, ["bridge"]),
        ({"id": ["a1a1"]}, ["host"]),
        ({"scope": ["local"]}, ["bridge", "host", "none", "mine"]),
        ({"scope": ["swarm"]}, []),
        ({"type": ["custom"]}, ["mine"]),
        ({"type": ["builtin"]}, ["bridge", "host", "none"]),
        ({"dangling": ["1"]}, ["mine"]),
        ({"dangling": ["0"]}, ["bridge", "host", "none"]),
        ({"label": ["a"]}, []),
    ],
    ids=str,
)
async def test_the_list_is_filtered(
    engine: FakeEngine, http: Http, wanted: dict[str, list[str]], names: list[str]
) -> None:
    engine.networks.add(network("mine", number=5))

    assert [item["Name"] for item in await http.get("/networks", filters=filters(**wanted))] == names


async def test_a_container_joins_and_leaves_a_network(engine: FakeEngine, http: Http) -> None:
    engine.networks.add(network("mine", number=5))
    await http.run("sleep")
    wish = {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "172.22.0.9"}, "Aliases": ["a"]}}

    assert await http.call("POST", "/networks/mine/connect", wish) == (200, b"")
    assert (await http.get("/containers/web/json"))["NetworkSettings"]["Networks"]["mine"]["IPAMConfig"] == {
        "IPv4Address": "172.22.0.9"
    }
    assert await http.call("POST", "/networks/mine/disconnect", {"Container": "web", "Force": True}) == (200, b"")
    assert list((await http.get("/containers/web/json"))["NetworkSettings"]["Networks"]) == ["bridge"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/networks/mine/connect", {"Container": "web"}, 404, "network mine not found"),
        ("/networks/bridge/connect", {"Container": "nobody"}, 404, "No such container: nobody"),
        (
            "/networks/bridge/connect",
            {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "x"}}},
            400,
            "invalid endpoint settings:\ninvalid IPv4 address: x",
        ),
    ],
)
async def test_a_joining_that_cannot_be_is_told_by_its_status(
    http: Http, path: str, body: dict[str, object], status: int, words: str
) -> None:
    await http.run("sleep")

    assert await http.call("POST", path, body) == (status, {"message": words})


async def test_who_is_in_anothers_network_stack_joins_nothing(http: Http, engine: FakeEngine) -> None:
    identity = await http.run("sleep")
    wish = {"Image": "busybox", "HostConfig": {"NetworkMode": f"container:{identity}"}}
    await http.call("POST", "/containers/create", wish, name="guest")

    status, body = await http.call("POST", "/networks/bridge/connect", {"Container": "guest"})

    assert status == 400
    assert body["message"].startswith("container sharing network namespace with another container")


@pytest.mark.parametrize(
    ("query", "status"),
    [("verbose=true", 200), ("verbose=tRue", 400), ("scope=", 200), ("scope=local", 200), ("scope=swarm", 404)],
)
async def test_an_inspection_reads_its_parameters(http: Http, query: str, status: int) -> None:
    async with http.client.get(f"/networks/bridge?{query}") as response:
        assert response.status == status


async def test_an_inspection_has_words_of_its_own_for_several_matches(engine: FakeEngine, http: Http) -> None:
    for number, name in enumerate(("one", "two")):
        engine.networks.add(replace(network(name), id=Id(f"ee{number}" + "0" * 61)))

    assert await http.call("GET", "/networks/ee") == (
        400,
        {"message": "2 matches found based on ID prefix: network ee is ambiguous"},
    )
    assert await http.call("DELETE", "/networks/ee") == (
        400,
        {"message": "network ee is ambiguous (2 matches found based on ID prefix)"},
    )


async def test_force_disconnects_what_nobody_knows_any_more(engine: FakeEngine, http: Http) -> None:
    identity = await http.run("sleep")
    lost = engine.containers.rows.pop(Id(identity))
    wish = {"Container": "web", "Force": True}

    status, body = await http.call("POST", "/networks/bridge/disconnect", {"Container": "web"})
    assert (status, body["message"]) == (404, "No such container: web")
    assert await http.call("POST", "/networks/bridge/disconnect", wish) == (200, b"")
    assert engine.sandboxes.items[lost.sandbox] == []
    assert await http.call("POST", "/networks/bridge/disconnect", wish) == (404, {"message": "endpoint web not found"})


async def test_force_takes_stopped_containers_off_a_network_that_goes(engine: FakeEngine, http: Http) -> None:
    engine.networks.add(network("mine", number=5))
    identity = await http.run("sleep", HostConfig={"NetworkMode": "mine"})

    assert (await http.call("DELETE", "/networks/mine", force="1"))[0] == 403
    await http.call("POST", f"/containers/{identity}/stop")
    assert (await http.call("DELETE", "/networks/mine"))[0] == 403
    assert await http.call("DELETE", "/networks/mine", force="1") == (204, b"")
    assert (await http.get("/containers/web/json"))["NetworkSettings"]["Networks"] == {}


@pytest.mark.parametrize("status", [Status.REMOVING, Status.DEAD])
async def test_the_networks_of_what_is_removed_do_not_change(engine: FakeEngine, http: Http, status: Status) -> None:
    identity = Id(await http.run("sleep"))
    row = engine.containers.rows[identity]
    engine.containers.rows[identity] = replace(row, state=replace(row.state, status=status))
    words = f"Container {identity} is marked for removal and cannot be connected or disconnected to the network"

    answered = await http.call("POST", "/networks/bridge/connect", {"Container": "web"})
    engine.containers.rows[identity] = row

    assert answered == (500, {"message": words})


async def test_a_container_must_be_named(http: Http) -> None:
    assert await http.call("POST", "/networks/bridge/connect", {}) == (
        400,
        {"message": 'invalid name or ID supplied: ""'},
    )


async def test_a_prune_spares_what_is_used_young_or_ours(engine: FakeEngine, http: Http) -> None:
    for number, name in enumerate(("used", "unused"), 5):
        engine.networks.add(network(name, number=number))
    await http.run("sleep", HostConfig={"NetworkMode": "used"})

    assert (await http.call("POST", "/networks/prune", filters=filters(until=["2020-01-01"])))[1] == {
        "NetworksDeleted": None
    }
    assert (await http.call("POST", "/networks/prune"))[1] == {"NetworksDeleted": ["unused"]}
    status, body = await http.call("POST", "/networks/prune", filters=filters(until=["1h", "2h"]))
    assert (status, body["message"]) == (400, "more than one until filter specified")


async def test_refusals_of_the_engine_keep_their_words(http: Http) -> None:
    assert await http.call("DELETE", "/networks/host") == (
        403,
        {"message": "host is a pre-defined network and cannot be removed"},
    )


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        ({"type": ["x"]}, 500, "invalid filter: 'type'='x'"),
        ({"nome": ["x"]}, 400, "invalid filter 'nome'"),
        ({"label!": ["x"]}, 400, "invalid filter 'label!'"),
        (
            {"dangling": ["maybe"]},
            400,
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
        ),
        ({"dangling": ["true", "false"]}, 400, 'got more than one value for filter key "dangling"'),
    ],
    ids=str,
)
async def test_what_cannot_be_filtered_by_is_refused_in_dockers_words(
    http: Http, wanted: dict[str, list[str]], status: int, words: str
) -> None:
    assert await http.call("GET", "/networks", filters=filters(**wanted)) == (status, {"message": words})
