"""Subnets and addresses as users meet them, with the docker command line."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Engine, Machine

IMAGE = "busybox:latest"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ipam.md"


def inspected(engine: Engine, name: str) -> list[dict[str, str]]:
    """Return the IPAM configuration that is shown of a network."""
    shown = json.loads(engine.docker("network", "inspect", name).stdout)[0]["IPAM"]["Config"]
    assert isinstance(shown, list)
    return shown


def addresses_of(engine: Engine, container: str) -> list[str]:
    """Return a container's addresses, in the order of their interfaces."""
    said = engine.docker("exec", container, "ip", "-o", "addr").stdout
    return re.findall(r"eth\d+ +inet6? (\S+) .*scope global", said)


def refusal(engine: Engine, *argv: str) -> str:
    """Return what a command is refused with."""
    done = engine.docker(*argv, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_the_examples_of_the_page_do_what_it_says(engine: Engine) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    engine.docker("run", "-d", "--name", "web", IMAGE, "sleep", "1000")

    for command in commands:
        argv = [IMAGE if word == "postgres" else word for word in command[1:]]
        engine.docker(*argv, *(["sleep", "1000"] if argv[0] == "run" else []))

    assert len(commands) == 3
    assert inspected(engine, "office") == [
        {
            "Subnet": "10.20.0.0/24",
            "IPRange": "10.20.0.128/25",
            "Gateway": "10.20.0.1",
            "AuxiliaryAddresses": {"printer": "10.20.0.9"},
        }
    ]
    assert addresses_of(engine, "db") == ["10.20.0.5/24"]
    assert addresses_of(engine, "web")[1:] == ["10.20.0.6/24"]
    engine.docker("run", "-d", "--name", "third", "--network", "office", IMAGE, "sleep", "1000")
    assert addresses_of(engine, "third") == ["10.20.0.128/24"]


def test_a_static_address_is_kept_while_its_owner_sleeps_and_its_owner_is_told_by_its_present_name(
    engine: Engine,
) -> None:
    engine.docker("network", "create", "--subnet", "10.86.0.0/24", "kept")
    engine.docker("create", "--name", "sleeper", "--network", "kept", "--ip", "10.86.0.2", IMAGE, "true")
    engine.docker("rename", "sleeper", "renamed")
    engine.docker("run", "-d", "--name", "other", "--network", "kept", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "guest", IMAGE, "sleep", "1000")

    assert addresses_of(engine, "other") == ["10.86.0.3/24"]
    for address, why in (
        ("10.86.0.2", "Address already in use: 10.86.0.2 belongs to renamed in network kept"),
        ("10.86.0.3", "Address already in use: 10.86.0.3 belongs to other in network kept"),
        ("10.86.0.1", "Address already in use: 10.86.0.1 is the gateway of network kept"),
        ("10.86.1.1", "no configured subnet contains IP address 10.86.1.1"),
    ):
        assert why in refusal(engine, "network", "connect", "--ip", address, "kept", "guest")
    engine.docker("rm", "renamed")
    engine.docker("network", "connect", "--ip", "10.86.0.2", "kept", "guest")


def test_a_request_that_fails_for_ipv6_takes_no_ipv4_address(engine: Engine) -> None:
    # There is room for the bridge and two containers.
    subnets = ("--subnet", "10.87.0.0/29", "--ip-range", "10.87.0.2/31", "--gateway", "10.87.0.1")
    engine.docker("network", "create", *subnets, "--subnet", "fd00:87::/64", "--ipv6", "narrow")
    taken = ("--network", "narrow", "--ip6", "fd00:87::9", IMAGE)
    engine.docker("create", "--name", "first", *taken, "true")

    for _ in range(3):
        assert "fd00:87::9 belongs to first" in refusal(engine, "create", *taken, "true")

    engine.docker("run", "-d", "--name", "next", "--network", "narrow", IMAGE, "sleep", "1000")
    assert addresses_of(engine, "next") == ["10.87.0.3/29", "fd00:87::2/64"]
    full = refusal(engine, "create", "--network", "narrow", IMAGE, "true")
    assert "no available IPv4 addresses on this network's address pools: narrow" in full


def test_subnets_by_length_are_cut_from_what_neither_networks_nor_the_host_have(engine: Engine) -> None:
    host = engine.machine.host
    default = inspected(engine, "bridge")[0]["Subnet"]
    free = "172.18.0.64/26" if default == "172.17.0.0/16" else "172.17.0.64/26"
    host.run("ip", "route", "add", free.replace(".64/26", ".0/28"), "dev", "wan0")
    try:
        engine.docker("network", "create", "--subnet", "0.0.0.0/26", "--subnet", "::/96", "--ipv6", "sized")
    finally:
        host.run("ip", "route", "del", free.replace(".64/26", ".0/28"), "dev", "wan0")

    sized = inspected(engine, "sized")
    assert sized[0]["Subnet"] == free
    assert re.fullmatch(r"fd[0-9a-f:]+::/96", sized[1]["Subnet"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--ipam-driver", "null"], "ipv4 pool is empty"),
        (["--ipam-driver", "defualt"], 'plugin "defualt" not found'),
        (["--subnet", "0.0.0.0/7"], "invalid address pool"),
        (["--subnet", "10.88.0.0/24", "--gateway", "10.88.0.0"], "failed to allocate gateway (10.88.0.0)"),
    ],
)
def test_what_cannot_be_is_refused_and_takes_nothing(engine: Engine, asked: list[str], said: str) -> None:
    assert said in refusal(engine, "network", "create", *asked, "never")

    engine.docker("network", "create", "--subnet", "10.88.0.0/24", "after")


def test_an_isolated_network_has_no_gateway(engine: Engine) -> None:
    mode = "com.docker.network.bridge.gateway_mode_ipv4=isolated"
    engine.docker("network", "create", "--internal", "-o", mode, "--subnet", "10.89.0.0/24", "alone")
    engine.docker("run", "-d", "--name", "one", "--network", "alone", IMAGE, "sleep", "1000")

    assert inspected(engine, "alone") == [{"Subnet": "10.89.0.0/24"}]
    assert addresses_of(engine, "one") == ["10.89.0.1/24"]


@pytest.fixture
def small(machine: Machine, tmp_path: Path) -> Iterator[Engine]:
    """Give an engine with room for two networks, one of which is docker0."""
    engine = Engine(machine, tmp_path, "--default-address-pool", "base=10.99.0.0/28,size=29")
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def test_used_up_pools_and_reservations_survive_a_crash_and_say_who_has_them(small: Engine, image_tar: Path) -> None:
    small.docker("import", str(image_tar), IMAGE)
    small.docker("network", "create", "one")
    small.docker("create", "--name", "sleeper", "--network", "one", IMAGE, "true")
    small.kill()
    small.start()

    full = refusal(small, "network", "create", "two")
    taken = refusal(small, "create", "--network", "one", "--ip", "10.99.0.10", IMAGE, "true")

    assert "10.99.0.0/28 (10.99.0.0/29 by network bridge, 10.99.0.8/29 by network one)" in full
    assert "--default-address-pool" in full
    assert "10.99.0.10 belongs to sleeper" in taken
