"""Images and volumes with real tar, overlayfs and skopeo, and a registry made of a few lines."""

import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from tests.kernel.container_engine import Engine, busybox_tar, inside, once, tar_of

from netwright.containers.api import Deleted, Untagged
from netwright.containers.archive import go_mode
from netwright.errors import Conflict, Forbidden, InvalidInput, NotFound, SystemFailure
from netwright.model.container import HostSettings


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


UPPER = tar_of({"data/.wh.seed": b"", "etc/.wh..wh..opq": b"", "etc/new": b"new\n", "data/other": b"other\n"})
"""A second layer: it deletes a file, replaces a directory, and adds a file."""


def config_of(*layers: bytes, **more: object) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-05-06T07:08:09.123456789Z",
            "config": {"Cmd": ["sh", "-c", "ls -a /etc /data"], "Env": ["A=b"], **more},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
    ).encode()


def docker_archive() -> bytes:
    base, config = busybox_tar(), config_of(busybox_tar(), UPPER)
    plain = config_of(busybox_tar())
    manifest = [
        {"Config": "c.json", "RepoTags": ["two:1", "two:latest"], "Layers": ["a/layer.tar", "b/layer.tar"]},
        {"Config": "d.json", "RepoTags": ["plain:latest"], "Layers": ["a/layer.tar"]},
    ]
    return tar_of(
        {
            "manifest.json": json.dumps(manifest).encode(),
            "c.json": config,
            "d.json": plain,
            "a/layer.tar": base,
            "b/layer.tar": gzip.compress(UPPER),
        }
    )


def oci_blobs() -> tuple[bytes, dict[str, bytes]]:
    """Return a manifest and the blobs that it names."""
    layers = [gzip.compress(layer, mtime=0) for layer in (busybox_tar(), UPPER)]
    config = config_of(busybox_tar(), UPPER)
    kind = "application/vnd.oci.image."
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}manifest.v1+json",
        "config": {"mediaType": f"{kind}config.v1+json", "digest": digest(config), "size": len(config)},
        "layers": [
            {"mediaType": f"{kind}layer.v1.tar+gzip", "digest": digest(layer), "size": len(layer)} for layer in layers
        ],
    }
    return json.dumps(manifest).encode(), {digest(blob): blob for blob in (config, *layers)}


def oci_archive() -> bytes:
    manifest, blobs = oci_blobs()
    name = {"io.containerd.image.name": "docker.io/library/oci:1"}
    kind = "application/vnd.oci.image.manifest.v1+json"
    index = {"manifests": [{"mediaType": kind, "digest": digest(manifest), "size": 1, "annotations": name}]}
    files = {"index.json": json.dumps(index).encode(), "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    files.update(
        ("blobs/sha256/" + name.removeprefix("sha256:"), blob)
        for name, blob in {**blobs, digest(manifest): manifest}.items()
    )
    return tar_of(files)


async def loaded(engine: Engine, archive: bytes) -> list[str]:
    return [line async for line in engine.services.images.load(once(archive))]


@inside
async def test_an_archive_of_docker_brings_all_its_images_and_names(engine: Engine) -> None:
    lines = await loaded(engine, docker_archive())
    assert lines == ["Loaded image: two:1", "Loaded image: two:latest", "Loaded image: plain:latest"]
    image = engine.services.images.get("two")
    assert image.id == digest(config_of(busybox_tar(), UPPER))
    assert image.references == ("two:1", "two:latest")
    assert engine.services.images.get(image.id.removeprefix("sha256:")[:12]) == image
    # The image of one layer shares it with the image of two, and with the imported one.
    assert len(list((engine.directory / "data" / "layers").iterdir())) == 2


@inside
async def test_deletions_of_a_layer_hide_what_lies_below(engine: Engine) -> None:
    await loaded(engine, docker_archive())
    code, text = await engine.run(image="two")
    assert code == 0
    assert text.split() == ["/data:", ".", "..", "other", "/etc:", ".", "..", "hostname", "hosts", "new", "resolv.conf"]


@inside
async def test_an_oci_archive_is_loaded_by_its_name(engine: Engine) -> None:
    assert await loaded(engine, oci_archive()) == ["Loaded image: oci:1"]
    assert engine.services.images.get("oci:1").environment == ("A=b",)


@inside
async def test_an_archive_that_names_paths_outside_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="outside of itself"):
        await loaded(engine, tar_of({"../../evil": b"x"}))
    with pytest.raises(InvalidInput, match="unrecognized image format"):
        await loaded(engine, b"this is no archive")


@inside
async def test_a_damaged_layer_is_refused_and_leaves_nothing(engine: Engine) -> None:
    manifest = [{"Config": "c.json", "RepoTags": ["bad:1"], "Layers": ["l.tar"]}]
    archive = tar_of(
        {"manifest.json": json.dumps(manifest).encode(), "c.json": config_of(busybox_tar()[:-1]), "l.tar": UPPER}
    )
    with pytest.raises(InvalidInput, match="damaged"):
        await loaded(engine, archive)
    with pytest.raises(NotFound, match="No such image: bad:1"):
        engine.services.images.get("bad:1")
    assert list((engine.directory / "data" / "scratch").iterdir()) == []


@inside
async def test_changes_of_an_import_show_in_the_container(engine: Engine) -> None:
    changes = ("ENV GREETING=hello", 'ENTRYPOINT ["sh", "-c"]', 'CMD ["echo $GREETING from $PWD"]', "WORKDIR /data")
    await engine.import_busybox(*changes, name="greeter")
    assert await engine.run(image="greeter") == (0, "hello from /data\n")


@inside
async def test_a_used_image_keeps_its_last_name_unless_forced(engine: Engine) -> None:
    row = await engine.create("true")
    image = engine.services.images.get("busybox")
    pattern = rf'unable to remove repository reference "busybox" \(must force\) - container {row.id[:12]} is using'
    with pytest.raises(Conflict, match=pattern):
        await engine.services.images.remove("busybox")
    await engine.services.images.tag("busybox", "other", "2")
    assert await engine.services.images.remove("busybox") == [Untagged("busybox:latest")]
    with pytest.raises(Conflict, match=r"\(must be forced\) - image is being used by stopped container"):
        await engine.services.images.remove(image.id)
    assert await engine.services.images.remove(image.id, force=True) == [Untagged("other:2"), Deleted(image.id)]
    # The container keeps the layers that it stands on.
    await engine.services.containers.start(row.id)
    assert (await engine.services.containers.wait(row.id)).code == 0


@inside
async def test_removing_the_last_name_removes_image_and_layers(engine: Engine) -> None:
    image = engine.services.images.get("busybox")
    assert await engine.services.images.remove("busybox") == [Untagged("busybox:latest"), Deleted(image.id)]
    assert list((engine.directory / "data" / "layers").iterdir()) == []


@dataclass
class Registry:
    """A registry of one image, which counts what it was asked for."""

    manifest: bytes
    blobs: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        match request.path.strip("/").split("/"):
            case ["v2"]:
                return web.Response()
            case ["v2", "some", "image", "manifests", name] if name in {"1", digest(self.manifest)}:
                kind = "application/vnd.oci.image.manifest.v1+json"
                return web.Response(body=self.manifest, content_type=kind)
            case ["v2", "some", "image", "tags", "list"]:
                return web.json_response({"name": "some/image", "tags": ["1"]})
            case ["v2", "some", "image", "blobs", name] if name in self.blobs:
                return web.Response(body=self.blobs[name], content_type="application/octet-stream")
            case _:
                errors = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                return web.json_response(errors, status=404)


@asynccontextmanager
async def registry_on_loopback() -> AsyncIterator[tuple[Registry, str]]:
    registry = Registry(*oci_blobs())
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", registry.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 5000)
        await site.start()
        yield registry, "127.0.0.1:5000/some/image"
    finally:
        await runner.cleanup()


@inside
async def test_a_pull_brings_an_image_under_its_digest_and_a_second_one_brings_nothing(engine: Engine) -> None:
    await engine.bring_loopback_up()
    async with registry_on_loopback() as (registry, name):
        first = [progress.status async for progress in engine.services.images.pull(f"{name}:1")]
        image = engine.services.images.get(f"{name}:1")
        assert image.id == digest(config_of(busybox_tar(), UPPER))
        assert image.digests == (f"{name}@{digest(registry.manifest)}",)
        assert first[0] == "Pulling from some/image"
        assert first[-1] == f"Status: Downloaded newer image for {name}:1"
        registry.asked.clear()
        second = [progress.status async for progress in engine.services.images.pull(f"{name}:1")]
        assert second[-1] == f"Status: Image is up to date for {name}:1"
        assert not any("blobs" in path for path in registry.asked)
        assert await engine.services.images.tags(name) == ["1"]
        with pytest.raises(NotFound, match=r"manifest for .* not found: manifest unknown"):
            async for _ in engine.services.images.pull(f"{name}:2"):
                pass


@inside
async def test_a_new_volume_takes_the_images_content_and_a_used_one_keeps_its_own(engine: Engine) -> None:
    host = HostSettings(binds=("box:/data",))
    await engine.run("sh", "-c", "cat /data/seed; echo mine > /data/seed", host=host)
    assert await engine.run("cat", "/data/seed", host=host) == (0, "mine\n")


@inside
async def test_a_volume_in_use_cannot_be_removed(engine: Engine) -> None:
    row = await engine.create("true", host=HostSettings(binds=("box:/data",)))
    with pytest.raises(Conflict, match=rf"remove box: volume is in use - \[{row.id}\]"):
        await engine.services.volumes.remove("box")
    await engine.services.containers.remove(row.id, volumes=True)
    assert [volume.name for volume in engine.services.volumes.list()] == ["box"]
    await engine.services.volumes.remove("box")
    with pytest.raises(NotFound, match="get box: no such volume"):
        engine.services.volumes.get("box")


async def packed(engine: Engine, reference: str, path: str) -> bytes:
    _, stream = await engine.services.containers.pack(reference, path)
    return b"".join([block async for block in stream])


@inside
async def test_files_are_copied_out_and_in_whether_it_runs_or_not(engine: Engine) -> None:
    row = await engine.create("sleep", "100", name="box")
    for _ in ("stopped", "running"):
        await engine.services.containers.unpack("box", "/tmp", once(tar_of({"in/file": b"hello"})))
        stat = await engine.services.containers.stat("box", "/tmp/in/file")
        assert (stat.name, stat.size, stat.mode) == ("file", 5, 0o755)
        assert b"hello" in await packed(engine, "box", "/tmp/in")
        if not engine.services.containers.get(row.id).state.pid:
            await engine.services.containers.start("box")
    with pytest.raises(NotFound, match="Could not find the file /nowhere in container box"):
        await engine.services.containers.stat("box", "/nowhere")


@inside
async def test_a_copy_cannot_leave_the_container_through_a_link(engine: Engine) -> None:
    outside = engine.directory / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    await engine.create("true", name="box")
    evil = tar_of({}, links={"out": str(outside)})
    await engine.services.containers.unpack("box", "/tmp", once(evil))
    with pytest.raises(SystemFailure, match="cannot be extracted"):
        await engine.services.containers.unpack("box", "/tmp", once(tar_of({"out/written": b"x"})))
    assert [path.name for path in outside.iterdir()] == ["secret"]
    with pytest.raises(NotFound):
        await engine.services.containers.stat("box", "/tmp/out/secret")
    stat = await engine.services.containers.stat("box", "/tmp/out")
    assert stat.link_target == str(outside)
    assert stat.mode == go_mode(0o120777)


@inside
async def test_nothing_is_copied_into_a_read_only_root(engine: Engine) -> None:
    await engine.create("true", name="box", host=HostSettings(read_only=True, binds=("vol:/data",)))
    with pytest.raises(Forbidden, match="container rootfs is marked read-only"):
        await engine.services.containers.unpack("box", "/tmp", once(tar_of({"x": b""})))
    await engine.services.containers.unpack("box", "/data", once(tar_of({"x": b""})))
    assert (engine.services.volumes.path("vol") / "x").exists()
