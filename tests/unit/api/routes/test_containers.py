"""Containers over HTTP."""

import base64
import io
import tarfile
from typing import Any

import msgspec
import pytest
from tests.unit.api.client import Http, filters
from tests.unit.api.fakes import FakeEngine

from netwright.model.container import Status


async def test_a_container_is_made_started_shown_and_removed(http: Http) -> None:
    identity = await http.run("sleep", name="web", Labels={"rack": "7"})

    shown = await http.get("/containers/web/json")
    assert (shown["Id"], shown["Name"], shown["State"]["Status"]) == (identity, "/web", "running")
    assert (shown["Path"], shown["Config"]["Labels"]) == ("sleep", {"rack": "7"})
    assert (await http.call("DELETE", "/containers/web"))[0] == 409
    assert await http.call("DELETE", "/containers/web", force="1", v="1") == (204, b"")
    assert await http.call("GET", "/containers/web/json") == (404, {"message": "No such container: web"})


@pytest.mark.parametrize("reference", ["web", "/web", "%2Fweb"])
async def test_a_name_may_have_dockers_slash(http: Http, reference: str) -> None:
    await http.run("sleep")

    assert (await http.get(f"/containers/{reference}/json"))["Name"] == "/web"


async def test_warnings_come_with_the_answer(http: Http) -> None:
    wish = {"Image": "busybox", "MacAddress": "02:42:ac:11:00:09"}

    status, made = await http.call("POST", "/v1.51/containers/create", wish)

    assert status == 201
    assert len(made["Warnings"]) == 1


async def test_an_image_that_is_not_there_is_told_by_its_status(http: Http) -> None:
    status, body = await http.call("POST", "/containers/create", {"Image": "nothing"})

    assert (status, body["message"]) == (404, "No such image: nothing")


async def test_nothing_else_that_is_missing_is_taken_for_an_image(http: Http) -> None:
    wish = {"Image": "busybox", "HostConfig": {"NetworkMode": "container:nobody"}}

    assert await http.call("POST", "/containers/create", wish) == (400, {"message": "No such container: nobody"})


async def test_an_image_for_another_machine_is_refused(http: Http) -> None:
    for platform in ("windows/amd64", "linux/s390x"):
        status, body = await http.call("POST", "/containers/create", {"Image": "busybox"}, platform=platform)

        assert status == 501
        assert platform in body["message"]
    assert (await http.call("POST", "/containers/create", {"Image": "busybox"}, platform="linux"))[0] == 201


@pytest.mark.parametrize(
    ("query", "call"),
    [
        ({}, ("stop", "web", None, "")),
        ({"t": "3", "signal": "SIGINT"}, ("stop", "web", 3, "SIGINT")),
        ({"t": "-1"}, ("stop", "web", -1, "")),
    ],
)
async def test_a_stop_says_how_long_and_by_what(
    engine: FakeEngine, http: Http, query: dict[str, str], call: tuple[Any, ...]
) -> None:
    await http.run("sleep")

    assert await http.call("POST", "/containers/web/stop", **query) == (204, b"")
    assert engine.containers.calls[-1] == call
    assert await http.call("POST", "/containers/web/stop") == (304, b"")


async def test_what_is_no_number_is_refused(http: Http) -> None:
    await http.run("sleep")
    for text in ("x", "1_0", " 1", "1.5"):
        status, body = await http.call("POST", "/containers/web/stop", t=text)

        assert (status, body["message"]) == (400, f'strconv.Atoi: parsing "{text}": invalid syntax')


async def test_signals_restarts_and_sizes_are_passed_on(engine: FakeEngine, http: Http) -> None:
    await http.run("sleep")

    assert (await http.call("POST", "/containers/web/resize", h="24", w="80"))[0] == 200
    assert (await http.call("POST", "/containers/web/resize", h="24"))[0] == 400
    assert (await http.call("POST", "/containers/web/restart", t="1"))[0] == 204
    assert (await http.call("POST", "/containers/web/kill", signal="TERM"))[0] == 204
    assert (await http.call("POST", "/containers/web/kill"))[0] == 409
    assert [call for call in engine.containers.calls if call[0] != "stop"] == [
        ("resize", "web", 24, 80),
        ("restart", "web", 1, ""),
        ("kill", "web", "TERM"),
        ("kill", "web", ""),
    ]


async def test_a_container_is_renamed(http: Http) -> None:
    await http.run("sleep")

    assert (await http.call("POST", "/containers/web/rename", name="db"))[0] == 204
    assert (await http.get("/containers/db/json"))["Name"] == "/db"
    assert (await http.call("POST", "/containers/db/rename"))[0] == 400


async def test_the_list_shows_what_runs_and_all_where_asked(http: Http) -> None:
    await http.run("echo", "hi", name="first")
    await http.call("POST", "/containers/first/wait")
    await http.run("sleep", name="second")

    async def names(**query: str) -> list[str]:
        return [item["Names"][0] for item in await http.get("/containers/json", **query)]

    assert await names() == ["/second"]
    assert await names(all="1") == ["/second", "/first"]
    assert await names(limit="1") == ["/second"]
    assert await names(limit="2") == ["/second", "/first"]
    assert await names(filters=filters(status=["exited"])) == ["/first"]
    assert await names(all="1", filters=filters(exited=["0"])) == ["/first"]
    assert await names(all="1", filters=filters(before=["second"])) == ["/first"]
    assert await names(all="1", filters=filters(since=["first"])) == ["/second"]


async def test_a_name_in_a_filter_goes_before_the_start_of_another_id(http: Http) -> None:
    begun = (await http.run("sleep", name="other"))[:6]
    await http.run("sleep", name=begun)
    await http.run("sleep", name="last")

    shown = await http.get("/containers/json", filters=filters(since=[begun]))

    assert [item["Names"] for item in shown] == [["/last"]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"name": ["we"]}, True),
        ({"name": ["^/web$"]}, True),
        ({"name": ["db"]}, False),
        ({"label": ["rack=7"]}, True),
        ({"label": ["rack=8"]}, False),
        ({"ancestor": ["busybox:latest"]}, True),
        ({"ancestor": ["abababababab"]}, True),
        ({"ancestor": ["alpine"]}, False),
        ({"network": ["bridge"]}, True),
        ({"network": ["a0a0a0"]}, True),
        ({"network": ["host"]}, False),
        ({"publish": ["80"]}, True),
        ({"publish": ["70-90/tcp"]}, True),
        ({"publish": ["80/udp"]}, False),
        ({"expose": ["9000/udp"]}, True),
        ({"expose": ["9001/udp"]}, False),
        ({"health": ["none"]}, True),
        ({"health": ["healthy"]}, False),
        ({"is-task": ["true"]}, False),
        ({"volume": ["/data"]}, False),
        ({"name": ["web"], "label": ["rack=8"]}, False),
    ],
    ids=str,
)
async def test_the_list_is_filtered(http: Http, wanted: dict[str, list[str]], found: bool) -> None:
    published = {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}
    await http.run("sleep", Labels={"rack": "7"}, ExposedPorts={"9000/udp": {}}, HostConfig=published)

    assert bool(await http.get("/containers/json", filters=filters(**wanted))) is found


STATES = "created, running, paused, restarting, removing, exited, dead"


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        (
            {"status": ["asleep"]},
            400,
            f"invalid value for state (asleep): must be one of {STATES}",
        ),
        ({"exited": ["x"]}, 400, 'strconv.Atoi: parsing "x": invalid syntax'),
        ({"before": ["nobody"]}, 404, "No such container: nobody"),
        ({"publish": ["http"]}, 400, 'invalid port specification: "http"'),
    ],
)
async def test_filters_that_cannot_be_meant_are_refused(
    http: Http, wanted: dict[str, list[str]], status: int, words: str
) -> None:
    await http.run("sleep")

    assert await http.call("GET", "/containers/json", filters=filters(**wanted)) == (status, {"message": words})


async def test_a_prune_spares_what_runs_is_young_or_has_no_such_label(engine: FakeEngine, http: Http) -> None:
    for name, labels in (("a", {"x": ""}), ("b", {})):
        await http.run("exit", "0", name=name, Labels=labels)
        await http.call("POST", f"/containers/{name}/wait")
    await http.run("sleep", name="c")

    assert (await http.call("POST", "/containers/prune", filters=filters(until=["1h"])))[1]["ContainersDeleted"] is None
    status, pruned = await http.call("POST", "/containers/prune", filters=filters(label=["x"]))
    assert (status, len(pruned["ContainersDeleted"]), pruned["SpaceReclaimed"]) == (200, 1, 4096)
    assert sorted(row.name for row in engine.containers.list()) == ["b", "c"]
    assert engine.containers.get("c").state.status is Status.RUNNING


async def test_a_path_is_looked_at_taken_out_and_filled(engine: FakeEngine, http: Http) -> None:
    await http.run("sleep")
    place = "/containers/web/archive"

    async with http.client.head(place, params={"path": "/etc/hostname"}) as response:
        stat = msgspec.json.decode(base64.b64decode(response.headers["X-Docker-Container-Path-Stat"]))
        assert stat == {
            "name": "hostname",
            "size": 5,
            "mode": 0o644,
            "mtime": "2026-03-04T05:06:07.891Z",
            "linkTarget": "",
        }
    async with http.client.get(place, params={"path": "/etc/hostname"}) as response:
        assert response.content_type == "application/x-tar"
        assert "X-Docker-Container-Path-Stat" in response.headers
        archive = await response.read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert opened.getnames() == ["hostname"]
    async with http.client.put(
        place, params={"path": "/tmp", "noOverwriteDirNonDir": "true"}, data=archive
    ) as response:
        assert response.status == 200
    assert engine.containers.calls[-1] == ("unpack", "web", "/tmp", ["hostname"], True)


async def test_a_path_that_is_not_there_is_told_by_its_status(http: Http) -> None:
    await http.run("sleep")

    assert (await http.call("GET", "/containers/web/archive", path="/nothing"))[0] == 404
    assert (await http.call("GET", "/containers/web/archive"))[0] == 400
