"""Images over HTTP."""

import base64
import json

import msgspec
import pytest
from tests.unit.api.client import Http, filters
from tests.unit.api.fakes import FakeEngine
from tests.unit.api.golden import agrees

from netwright.containers.api import RegistryAuth


async def lines(http: Http, path: str, data: bytes = b"", /, **headers: str) -> list[dict[str, object]]:
    """Return the lines of a stream of progress."""
    async with http.client.post(path, data=data, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        return [msgspec.json.decode(line) for line in (await response.read()).splitlines()]


async def test_images_are_listed_and_inspected_as_docker_does(http: Http) -> None:
    agrees("images-51", await http.get("/images/json"))
    agrees("image-51", await http.get("/v1.51/images/busybox/json"))
    agrees("image-52", await http.get("/images/busybox/json"))
    assert (await http.get("/v1.43/images/json"))[0]["VirtualSize"] == 4_200_000
    assert (await http.call("GET", "/images/a/b:1/json"))[0] == 404


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"reference": ["busybox"]}, True),
        ({"reference": ["busybox:latest"]}, True),
        ({"reference": ["busy*"]}, True),
        ({"reference": ["busybo?:*"]}, True),
        ({"reference": ["box"]}, False),
        ({"dangling": ["true"]}, False),
        ({"dangling": ["false"]}, True),
        ({"label": ["x"]}, False),
        ({"until": ["2026-03-05"]}, True),
        ({"until": ["2026-03-04"]}, False),
        ({"before": ["busybox"]}, False),
        ({"since": ["busybox"]}, False),
    ],
    ids=str,
)
async def test_the_list_is_filtered(http: Http, wanted: dict[str, list[str]], found: bool) -> None:
    assert bool(await http.get("/images/json", filters=filters(**wanted))) is found


async def test_a_pull_tells_its_progress(engine: FakeEngine, http: Http) -> None:
    secret = {"username": "me", "password": "secret", "serveraddress": "r.example"}
    header = base64.urlsafe_b64encode(json.dumps(secret).encode()).decode().rstrip("=")

    said = await lines(http, "/images/create?fromImage=r.example/a&tag=1", **{"X-Registry-Auth": header})

    assert said == [
        {"status": "Pulling from r.example/a:1", "progressDetail": {}, "id": "latest"},
        {"status": "Downloading", "progressDetail": {"current": 5, "total": 10}, "id": "abc"},
        {"status": "Status: Downloaded newer image for r.example/a:1", "progressDetail": {}},
    ]
    assert engine.images.auths == [RegistryAuth(username="me", password="secret")]


@pytest.mark.parametrize(
    ("name", "tag", "references"),
    [
        ("a", "sha256:ab", ["a@sha256:ab"]),
        ("r:5000/a", "1", ["r:5000/a:1"]),
        ("r:5000/a:1", "", ["r:5000/a:1"]),
        ("r:5000/a", "", ["r:5000/a:1", "r:5000/a:2"]),
    ],
)
async def test_a_pull_names_a_tag_or_a_digest_or_means_all_tags(
    http: Http, name: str, tag: str, references: list[str]
) -> None:
    said = await lines(http, f"/images/create?fromImage={name}&tag={tag}", **{"X-Registry-Auth": "e30="})

    begun = [line["status"] for line in said if str(line["status"]).startswith("Pulling from")]
    assert begun == [f"Pulling from {reference}" for reference in references]


async def test_what_fails_at_once_has_a_status_and_what_fails_later_a_last_line(engine: FakeEngine, http: Http) -> None:
    status, body = await http.call("POST", "/images/create?fromImage=nothing&tag=1")
    assert (status, body["message"]) == (404, "pull access denied for nothing:1, repository does not exist")

    engine.images.fails_midway = True
    said = await lines(http, "/images/create?fromImage=a")
    assert said[-1] == {"errorDetail": {"message": "the layer went away"}, "error": "the layer went away"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/images/create", 400),
        ("/images/create?fromSrc=http://example.com/x.tar", 501),
        ("/images/create?fromImage=a&platform=linux/s390x", 501),
        ("/images/load", 400),
    ],
)
async def test_what_cannot_be_taken_in_is_told_by_its_status(http: Http, path: str, status: int) -> None:
    assert (await http.call("POST", path))[0] == status


@pytest.mark.parametrize("header", ["%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()])
async def test_credentials_that_are_none_are_refused(http: Http, header: str) -> None:
    headers = {"X-Registry-Auth": header}
    async with http.client.post("/images/create?fromImage=a", headers=headers) as response:
        assert response.status == 400


async def test_archives_are_taken_in(http: Http) -> None:
    assert await lines(http, "/images/load?quiet=1", b"12345") == [{"stream": "Loaded image: of5:latest\n"}]
    said = await lines(http, "/images/create?fromSrc=-&repo=mine&tag=2&message=hello", b"tar")
    assert said == [{"status": "sha256:" + "cd" * 32}]
    assert (await http.get("/images/mine:2/json"))["Comment"] == "hello"


async def test_names_are_given_and_taken(http: Http) -> None:
    assert (await http.call("POST", "/images/busybox/tag", repo="r.example/b", tag="1"))[0] == 201
    assert await http.call("DELETE", "/images/r.example/b:1", force="1") == (
        200,
        [
            {"Untagged": "busybox:latest"},
            {"Untagged": "r.example/b:1"},
            {"Deleted": "sha256:" + "ab" * 32},
        ],
    )


async def test_a_prune_spares_what_has_a_name_unless_told_otherwise(http: Http) -> None:
    nothing = {"ImagesDeleted": None, "SpaceReclaimed": 0}
    named = filters(dangling=["false"])

    assert (await http.call("POST", "/images/prune"))[1] == nothing
    assert (await http.call("POST", "/images/prune", filters=filters(dangling=["false"], until=["2020-01-01"])))[
        1
    ] == nothing
    assert (await http.call("POST", "/images/prune", filters=named))[1]["SpaceReclaimed"] == 4_200_000
