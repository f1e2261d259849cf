"""Check and repair on a real machine: what is told is put back, and strangers are left alone."""

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import HOST4, Engine, Machine

from netwright.app import cgroup_tag

IMAGE = "busybox:latest"


def checked(engine: Engine) -> list[str]:
    """Return what a check tells; its exit code has to agree."""
    done = engine.netwright("check", "--json", check=False)
    found = json.loads(done.stdout)
    assert done.returncode == (3 if found else 0)
    return [f"{one['Subject']}: {one['What']}" for one in found]


def fetched(engine: Engine) -> str:
    """Return what the web server answers to the neighbour."""
    return engine.machine.outside.run("curl", "-sS", "-m", "5", f"http://{HOST4}:8080/", check=False).stdout


def test_what_is_broken_within_a_container_is_told_and_repaired(engine: Engine) -> None:
    engine.docker("network", "create", "blue")
    engine.docker("run", "-d", "--name", "web", "--net", "blue", "-p", "8080:80", IMAGE, "httpd", "-f", "-h", "/www")
    assert checked(engine) == []
    netns = engine.docker("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "web").stdout.strip()
    engine.machine.host.run("nsenter", f"--net={netns}", "ip", "-4", "addr", "flush", "dev", "eth0")

    told = checked(engine)
    assert told[0].startswith("web: its interface eth0 has no address")
    assert told[1] == "web: it has no default IPv4 route"
    assert fetched(engine) == ""

    engine.netwright("repair")
    assert fetched(engine) == "hello\n"
    assert checked(engine) == []


def test_strays_of_ours_are_swept_and_strangers_stay(engine: Engine) -> None:
    host, group = engine.machine.host, own_group(engine)
    host.run("ip", "link", "add", "vethdead", "group", group, "type", "veth", "peer", "name", "vethdeadp")
    host.run("ip", "link", "add", "vethelse", "type", "veth", "peer", "name", "vethelsep")
    pin = engine.exec_root / "netns" / "0123456789ab"
    host.run("touch", str(pin))
    host.run("mount", "--bind", "/proc/self/ns/net", str(pin))
    cgroup = leftover_cgroup(engine)

    told = checked(engine)
    assert [one.partition(",")[0] for one in told] == [
        "nobody: interface vethdead carries this engine's tag",
        f"nobody: a network namespace is pinned at {pin}",
        "nobody: container dddddddddddd is unknown",
    ]
    engine.netwright("repair")

    assert checked(engine) == []
    links = host.run("ip", "-br", "link").stdout
    assert "vethdead" not in links
    assert "vethelse" in links
    assert not cgroup.exists()
    host.run("ip", "link", "del", "vethelse")


def own_group(engine: Engine) -> str:
    """Return the link group of an engine, which its default bridge is in."""
    shown = engine.machine.host.run("ip", "-d", "-j", "link", "show", "docker0").stdout
    group = json.loads(shown)[0]["group"]
    return str(group)


def leftover_cgroup(engine: Engine) -> Path:
    """Make a cgroup of a container that no row names, with a process in it."""
    identity = (engine.data_root / "engine-id").read_text().strip()
    (root,) = [path for path in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")) if path.is_dir()][:1]
    cgroup = root / "netwright" / cgroup_tag(identity) / ("d" * 64)
    cgroup.mkdir(parents=True)
    return cgroup


@pytest.fixture
def lone(machine: Machine, tmp_path: Path, image_tar: Path) -> Iterator[Engine]:
    """Start an engine that may be killed."""
    engine = Engine(machine, tmp_path)
    engine.start()
    engine.docker("import", str(image_tar), IMAGE)
    with contextlib.closing(engine):
        yield engine


def test_a_container_goes_on_for_nobody_where_the_exec_root_is_lost_and_is_ended_by_the_next_start(
    lone: Engine,
) -> None:
    lone.docker("run", "-d", "--name", "web", IMAGE, "sleep", "1000")
    pid = int(lone.docker("inspect", "-f", "{{.State.Pid}}", "web").stdout)
    process = os.pidfd_open(pid)
    lone.kill()
    lone.machine.host.run("sh", "-c", f"umount -l {lone.exec_root}/netns/*")
    shutil.rmtree(lone.exec_root)

    lone.start()

    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(process, 0)
    os.close(process)
    assert lone.docker("inspect", "-f", "{{.State.Status}}", "web").stdout.strip() == "exited"
    assert checked(lone) == []
    lone.docker("start", "web")
    assert lone.docker("exec", "web", "ip", "-4", "addr", "show", "eth0").stdout


def test_a_network_that_is_out_of_order_says_so_wherever_it_is_shown(lone: Engine) -> None:
    host = lone.machine.host
    lone.docker("network", "create", "-o", "com.docker.network.bridge.name=blue0", "blue")
    lone.kill()
    host.run("ip", "link", "del", "blue0")
    host.run("ip", "link", "add", "blue0", "type", "bridge")
    lone.start()

    words = "an interface blue0 that is not ours stands in its place"
    _, shown = lone.call("GET", "/networks/blue")
    assert isinstance(shown, dict)
    assert shown["Degraded"] == [words]
    assert f"WARNING: network blue: {words}" in lone.docker("info").stderr
    _, metrics = lone.call("GET", "/metrics")
    assert "netwright_degraded 1.0" in str(metrics)

    host.run("ip", "link", "del", "blue0")
    lone.netwright("repair")
    assert checked(lone) == []
    _, shown = lone.call("GET", "/networks/blue")
    assert "Degraded" not in str(shown)
