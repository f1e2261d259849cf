"""The docker SDK for Python against the API in memory."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import docker
import pytest
from docker.errors import APIError, ImageNotFound, NotFound
from tests.unit.api.fakes import FakeEngine, served

from netwright.model.container import Status

T = TypeVar("T")


class Sdk:
    """Runs blocking calls of the SDK beside the event loop."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def __call__(self, work: Callable[[Any], T]) -> T:
        return await asyncio.wait_for(asyncio.to_thread(work, self.client), 20)


@pytest.fixture(params=["auto", "1.41"])
async def sdk(engine: FakeEngine, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Sdk]:
    async with served(engine, tmp_path / "s"):
        client = await asyncio.to_thread(
            docker.DockerClient, base_url=f"unix://{tmp_path / 's'}", version=request.param, timeout=15
        )
        yield Sdk(client)
        for row in engine.containers.list():
            if row.state.status is Status.RUNNING:
                await engine.containers.kill(row.id)
        await asyncio.to_thread(client.close)


async def test_a_container_is_run_and_its_output_returned(sdk: Sdk) -> None:
    assert await sdk(lambda c: c.containers.run("busybox", ["echo", "a", "!b"], stderr=True, remove=True)) == b"a\n!b\n"
    assert await sdk(lambda c: c.containers.run("busybox", ["echo", "a", "!b"])) == b"a\n"


async def test_a_container_is_seen_stopped_and_removed(sdk: Sdk) -> None:
    def work(client: Any) -> tuple[Any, ...]:
        made = client.containers.run("busybox", ["sleep"], detach=True, name="web", ports={"80/tcp": 8080})
        made.reload()
        seen = (made.status, made.ports, [item.name for item in client.containers.list()])
        made.stop(timeout=1)
        ended = made.wait()
        made.remove()
        return (*seen, ended["StatusCode"])

    assert await sdk(work) == (
        "running",
        {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},
        ["web"],
        137,
    )


async def test_an_execution_returns_code_and_output(sdk: Sdk, engine: FakeEngine) -> None:
    # The SDK loses output that reaches it in one piece with the answer's head; no real process is as quick as that.
    engine.executions.takes = 0.1

    def work(client: Any) -> Any:
        made = client.containers.run("busybox", ["sleep"], detach=True)
        return made.exec_run(["echo", "a", "!b"]), made.exec_run(["echo", "a", "!b"], demux=True)

    together, apart = await sdk(work)

    assert together == (0, b"a\n!b\n")
    assert apart == (0, (b"a\n", b"!b\n"))


async def test_networks_are_made_found_joined_and_removed(sdk: Sdk) -> None:
    def work(client: Any) -> list[str]:
        pool = docker.types.IPAMPool(subnet="10.9.0.0/16")
        made = client.networks.create("mine", ipam=docker.types.IPAMConfig(pool_configs=[pool]), labels={"a": "b"})
        container = client.containers.run("busybox", ["sleep"], detach=True, network="bridge")
        made.connect(container, aliases=["www"])
        container.reload()
        joined = sorted(container.attrs["NetworkSettings"]["Networks"])
        made.disconnect(container)
        found = [item.name for item in client.networks.list(filters={"label": "a=b"})]
        made.remove()
        return [*joined, *found]

    assert await sdk(work) == ["bridge", "mine", "mine"]


async def test_errors_are_told_by_their_kind(sdk: Sdk) -> None:
    with pytest.raises(NotFound, match="No such container: nobody"):
        await sdk(lambda c: c.containers.get("nobody"))
    with pytest.raises(ImageNotFound):
        await sdk(lambda c: c.images.get("nothing"))
    with pytest.raises(APIError, match="pre-defined network"):
        await sdk(lambda c: c.networks.get("bridge").remove())


async def test_files_are_copied_both_ways(sdk: Sdk, engine: FakeEngine) -> None:
    def work(client: Any) -> tuple[bytes, dict[str, Any], bool]:
        made = client.containers.run("busybox", ["sleep"], detach=True)
        chunks, stat = made.get_archive("/etc/hostname")
        archive = b"".join(chunks)
        return archive, stat, made.put_archive("/tmp", archive)

    archive, stat, put = await sdk(work)

    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert opened.getnames() == ["hostname"]
    assert (stat["name"], stat["size"], put) == ("hostname", 5, True)


async def test_events_images_volumes_and_the_engine_are_shown(sdk: Sdk) -> None:
    def work(client: Any) -> tuple[Any, ...]:
        client.containers.run("busybox", ["exit", "0"], name="web", labels={"a": "b"})
        events = [event["Action"] for event in client.events(since=1, until=1_800_000_000 - 90_000_000, decode=True)]
        volume = client.volumes.create("data")
        images = [tag for image in client.images.list() for tag in image.tags]
        return events, volume.name, images, client.ping(), client.info()["Images"], client.version()["Version"]

    events, volume, images, ping, count, version = await sdk(work)

    assert events == ["create", "start", "die"]
    assert (volume, images, ping, count) == ("data", ["busybox:latest"], True, 1)
    assert version
