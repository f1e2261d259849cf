from pathlib import Path

from netwright.containers.cgroups import remove_parent


def test_the_common_cgroup_goes_from_every_hierarchy_but_not_while_somebody_is_in_it(tmp_path: Path) -> None:
    for path in ("netwright", "cpu/netwright", "memory/netwright/another", "pids"):
        (tmp_path / path).mkdir(parents=True)

    remove_parent(tmp_path)

    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "cpu",
        "memory",
        "memory/netwright",
        "memory/netwright/another",
        "pids",
    ]
