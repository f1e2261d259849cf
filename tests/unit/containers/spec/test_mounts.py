import pytest

from netwright.containers.spec.mounts import oci_mount, parse_bind, parse_volumes_from, root_propagation, wishes
from netwright.errors import InvalidInput
from netwright.model.container import MountPoint, MountSpec


def test_a_source_with_a_slash_is_a_path_and_one_without_a_volume() -> None:
    path, volume = parse_bind("/src/:/dst:ro,rslave"), parse_bind("name:/dst")
    assert (path.type, path.source, path.read_only, path.options, path.create) == ("bind", "/src", True, "rslave", True)
    assert (volume.type, volume.volume, volume.read_only, volume.copy) == ("volume", "name", False, True)
    assert not parse_bind("name:/dst:nocopy").copy


@pytest.mark.parametrize("text", ["/a", "a:b:c:d", ":/b", "/a:b", "/a:/", "/a:/b:fast", "/a:/b:ro,rw", "/a::ro"])
def test_a_malformed_volume_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="invalid volume specification: '"):
        parse_bind(text)


def test_two_mounts_for_one_place_are_refused() -> None:
    with pytest.raises(InvalidInput, match="Duplicate mount point: /b"):
        wishes(binds=("/a:/b", "/c:/b/"), mounts=(), tmpfs={}, inherited=(), image_volumes=())


def test_parents_are_mounted_before_children_and_the_user_before_the_image() -> None:
    found = wishes(
        binds=("/a:/data/deep/er",),
        mounts=(MountSpec(type="volume", target="/data", volume="v"),),
        tmpfs={"/data/deep": ""},
        inherited=(MountPoint(type="bind", source="/other", target="/data"),),
        image_volumes=("/data", "/more"),
    )
    assert [wish.target for wish in found] == ["/data", "/more", "/data/deep", "/data/deep/er"]
    assert found[0].volume == "v"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (MountSpec(type="npipe", target="/x"), "mount type unknown"),
        (MountSpec(type="bind", target="/x", source="rel"), "mount path must be absolute"),
        (MountSpec(type="volume", target=""), "Target must not be empty"),
    ],
)
def test_a_malformed_mount_is_refused(spec: MountSpec, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        wishes(binds=(), mounts=(spec,), tmpfs={}, inherited=(), image_volumes=())


def test_options_reach_the_runtime() -> None:
    bind = oci_mount(MountPoint(type="bind", source="/a", target="/b", read_only=True))
    assert bind["options"] == ["rbind", "ro", "rprivate"]
    tmpfs = oci_mount(MountPoint(type="tmpfs", source="", target="/t", options="size=1m,exec"))
    assert tmpfs["options"] == ["noexec", "nosuid", "nodev", "size=1m", "exec"]


def test_a_shared_bind_needs_a_shared_root() -> None:
    point = MountPoint(type="bind", source="/a", target="/b", options="rshared")
    assert root_propagation((point,)) == "rshared"
    assert root_propagation(()) is None


def test_volumes_from_may_change_the_access() -> None:
    assert parse_volumes_from("c") == ("c", None)
    assert parse_volumes_from("c:ro") == ("c", True)
    with pytest.raises(InvalidInput):
        parse_volumes_from("c:fast")
