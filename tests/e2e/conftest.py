"""The engine for end-to-end tests: one daemon for each firewall backend serves many tests, each of which cleans up."""

import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from machine import Engine, Machine

BACKENDS = ("nftables", "iptables")
IMAGE = "busybox:latest"
PATIENCE = 5.0

_APPLETS = (
    "cat echo env false head hostname httpd id ip ls mkdir mount nc nslookup ping ping6 ps pwd rm sh sleep stty sync "
    "test touch traceroute true tty udhcpc wc wget"
).split()

pytestmark = pytest.mark.e2e


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as end to end."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def image_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a tar of a root filesystem with Debian's static busybox."""
    if os.geteuid() != 0:
        pytest.fail("the end-to-end tests make network namespaces: run them as root")
    root = tmp_path_factory.mktemp("image")
    for folder in ("bin", "etc", "www", "tmp", "root"):
        (root / folder).mkdir()
    shutil.copy2("/bin/busybox", root / "bin" / "busybox")
    for name in _APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "www" / "index.html").write_text("hello\n")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000:web:/tmp:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\nweb:x:1000:\n")
    path = tmp_path_factory.mktemp("tar") / "busybox.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(root, arcname=".")
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Give a throwaway host with a neighbour for a test that starts engines itself."""
    machine = Machine(tmp_path)
    try:
        yield machine
    finally:
        machine.close()


@contextmanager
def engine_on_a_machine(folder: Path, image_tar: Path, *flags: str) -> Iterator[Engine]:
    """Run an engine that has an image, on a host of its own."""
    machine = Machine(folder)
    engine = Engine(machine, folder, *flags)
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        yield engine
    finally:
        engine.close()
        machine.close()


@pytest.fixture(scope="session", params=BACKENDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, image_tar: Path
) -> Iterator[Engine]:
    """Start an engine with an image, for each firewall backend."""
    folder = tmp_path_factory.mktemp(f"engine-{request.param}")
    with engine_on_a_machine(folder, image_tar, f"--firewall-backend={request.param}") as engine:
        yield engine
        assert engine.stop() == 0


@pytest.fixture
def engine(running: Engine) -> Iterator[Engine]:
    """Lend the running engine; afterwards everything that the test has made must be gone from the machine."""
    before = footprint(running)
    yield running
    running.remove_everything()

    assert left(running, before) == {}


def left(engine: Engine, before: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return what differs from an earlier footprint, once nothing is under way that nobody waits for."""
    deadline = time.monotonic() + PATIENCE
    while (found := changes(footprint(engine), before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def changes(now: dict[str, list[Any]], before: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return what differs between two footprints, each with a sign before it: + for what came, - for what went."""
    return {
        kind: [f"+ {one}" for one in now[kind] if one not in before[kind]]
        + [f"- {one}" for one in before[kind] if one not in now[kind]]
        for kind in now
        if now[kind] != before[kind]
    }


def footprint(engine: Engine) -> dict[str, list[Any]]:
    """Return what an engine has on its machine: links, namespaces, mounts, rules of ports and endpoints."""
    host = engine.machine.host
    links = host.run("ip", "-o", "link", "show").stdout
    names = sorted(line.split(": ")[1].partition("@")[0] for line in links.splitlines())
    netns = engine.exec_root / "netns"
    mounts = host.run("cat", "/proc/self/mounts").stdout
    return {
        "links": [name for name in names if not name.startswith("nwx")],
        "namespaces": sorted(host.run("ls", str(netns), check=False).stdout.split()),
        "mounts": sorted(line.split()[1] for line in mounts.splitlines() if str(engine.folder) in line.split()[1]),
        "nft": _rules(host.run("nft", "list", "ruleset").stdout),
        "iptables": [host.run(f"{program}-save").stdout.count("-A ") for program in ("iptables", "ip6tables")],
        "listening": sorted(
            line.split()[3] for line in host.run("ss", "-Htuln").stdout.splitlines() if "dhcp" not in line
        ),
    }


def _rules(ruleset: str) -> list[str]:
    """Return the elements and rules of a listing without their counters."""
    lines = (line.strip() for line in ruleset.splitlines() if "elements" in line or "comment" in line)
    # Once a network has needed IPv6 the host forwards it, and the guard against foreign packets stays.
    return sorted(line for line in lines if "forwarding is on for the bridges only" not in line)
