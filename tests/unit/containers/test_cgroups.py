"""The cgroups of containers."""

from pathlib import Path

from netwright.containers.cgroups import Cgroups
from netwright.model.names import Id

ONE, OTHER = "a" * 64, "b" * 64


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).mkdir(parents=True)


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_the_common_cgroup_goes_from_every_hierarchy_but_not_while_somebody_is_in_it(tmp_path: Path) -> None:
    make(tmp_path, "netwright/own", "cpu/netwright/own", "memory/netwright/another", "memory/netwright/own", "pids")

    Cgroups("own", tmp_path).remove_parents()

    assert left(tmp_path) == ["cpu", "memory", "memory/netwright", "memory/netwright/another", "pids"]


def test_only_what_lies_below_the_engines_own_is_known(tmp_path: Path) -> None:
    make(tmp_path, f"cpu/netwright/own/{ONE}", f"memory/netwright/own/{ONE}", f"cpu/netwright/another/{OTHER}")
    make(tmp_path, "cpu/netwright/own/no-container")

    assert Cgroups("own", tmp_path).known() == [ONE]


async def test_a_container_is_removed_with_what_it_has_made_below(tmp_path: Path) -> None:
    make(tmp_path, f"cpu/netwright/own/{ONE}/deep/deeper", f"cpu/netwright/own/{OTHER}")

    await Cgroups("own", tmp_path).remove(Id(ONE))

    assert left(tmp_path / "cpu/netwright/own") == [OTHER]
