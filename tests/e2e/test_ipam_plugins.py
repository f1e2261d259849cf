"""Networks whose addresses a plugin manages: Docker's IPAM plugin protocol, with a real plugin and the docker CLI."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Engine
from plugin_process import Plugin, place

IMAGE = "busybox:latest"


@pytest.fixture
def plugins(engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """Let plugins run on the engine's machine, with this folder for what they write down."""
    place(engine.machine)
    yield tmp_path
    engine.remove_everything()
    engine.machine.host.run("umount", "-l", "/run")


@pytest.fixture
def plugin(engine: Engine, plugins: Path) -> Iterator[Plugin]:
    """Run a plugin."""
    plugin = Plugin(engine.machine.host, plugins)
    yield plugin
    engine.remove_everything()
    plugin.stop()


def addresses(engine: Engine, container: str) -> str:
    return engine.docker("exec", container, "ip", "-o", "-4", "addr", "show", "eth0").stdout


def test_a_plugin_gives_the_pool_and_every_address_and_gets_them_back(engine: Engine, plugin: Plugin) -> None:
    subnet = ["--subnet", "10.92.0.0/24", "--ip-range", "10.92.0.128/25", "--aux-address", "router=10.92.0.9"]
    engine.docker("network", "create", "--ipam-driver", "acme", "--ipam-opt", "colour=red", *subnet, "theirs")
    engine.docker("run", "-d", "--name", "any", "--network", "theirs", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "fixed", "--network", "theirs", "--ip", "10.92.0.7", IMAGE, "sleep", "1000")
    seen = addresses(engine, "any"), addresses(engine, "fixed")
    reached = engine.docker("exec", "any", "ping", "-c1", "-W2", "10.92.0.7").returncode
    shown = json.loads(engine.docker("network", "inspect", "theirs").stdout)[0]["IPAM"]
    engine.docker("rm", "-f", "any")
    engine.docker("rm", "-f", "fixed")
    engine.docker("network", "rm", "theirs")

    pool = "here/10.92.0.0/24"
    assert "inet 10.92.0.253/24" in seen[0]
    assert "inet 10.92.0.7/24" in seen[1]
    assert reached == 0
    assert (shown["Driver"], shown["Options"], shown["Config"][0]["Gateway"]) == (
        "acme",
        {"colour": "red"},
        "10.92.0.254",
    )
    assert [name for name, _ in plugin.calls[:3]] == ["Activate", "GetCapabilities", "GetDefaultAddressSpaces"]
    assert plugin.calls[3:] == [
        (
            "RequestPool",
            {
                "AddressSpace": "here",
                "Pool": "10.92.0.0/24",
                "SubPool": "10.92.0.128/25",
                "Options": {"colour": "red"},
                "V6": False,
            },
        ),
        (
            "RequestAddress",
            {"PoolID": pool, "Address": "", "Options": {"RequestAddressType": "com.docker.network.gateway"}},
        ),
        ("RequestAddress", {"PoolID": pool, "Address": "10.92.0.9", "Options": None}),
        (
            "RequestAddress",
            {"PoolID": pool, "Address": "", "Options": {"com.docker.network.endpoint.name": "any"}},
        ),
        (
            "RequestAddress",
            {"PoolID": pool, "Address": "10.92.0.7", "Options": {"com.docker.network.endpoint.name": "fixed"}},
        ),
        ("ReleaseAddress", {"PoolID": pool, "Address": "10.92.0.253"}),
        ("ReleaseAddress", {"PoolID": pool, "Address": "10.92.0.7"}),
        ("ReleaseAddress", {"PoolID": pool, "Address": "10.92.0.254"}),
        ("ReleaseAddress", {"PoolID": pool, "Address": "10.92.0.9"}),
        ("ReleasePool", {"PoolID": pool}),
    ]


def test_a_plugin_that_is_missing_or_refuses_leaves_nothing_half_created(engine: Engine, plugin: Plugin) -> None:
    create = ["network", "create", "--subnet", "10.92.0.0/24"]
    missing = engine.docker(*create, "--ipam-driver", "nobody", "theirs", check=False)
    refusing = engine.docker(*create, "--ipam-driver", "acme", "--ipam-opt", "refuse=not today", "theirs", check=False)
    engine.docker(*create, "ours")
    clashing = engine.docker(
        "network", "create", "--ipam-driver", "acme", "--subnet", "10.92.0.0/16", "theirs", check=False
    )
    engine.docker("network", "create", "--ipam-driver", "acme", "--subnet", "10.93.0.0/24", "theirs")
    held = engine.docker("run", "-d", "--network", "theirs", "--ip", "10.93.0.254", IMAGE, "true", check=False)

    assert missing.stderr == 'Error response from daemon: plugin "nobody" not found\n'
    assert refusing.stderr == "Error response from daemon: remote: not today\n"
    assert "networks have overlapping IPv4" in clashing.stderr
    assert plugin.asked("ReleasePool")[0] == ("ReleasePool", {"PoolID": "here/10.92.0.0/16"})
    assert "Address already in use: 10.93.0.254 belongs to the network itself" in held.stderr


def test_a_dead_plugin_is_an_error_and_gets_back_later_what_was_removed_meanwhile(
    engine: Engine, plugin: Plugin
) -> None:
    engine.docker("network", "create", "--ipam-driver", "acme", "theirs")
    engine.docker("run", "-d", "--name", "box", "--network", "theirs", IMAGE, "sleep", "1000")
    plugin.stop()
    refused = engine.docker("create", "--network", "theirs", IMAGE, "true", check=False)
    engine.docker("restart", "-t", "0", "box")
    still = addresses(engine, "box")
    engine.docker("rm", "-f", "box")
    containers = engine.docker("ps", "-aq").stdout
    before = len(plugin.calls)
    plugin.start()
    # The plugin has lost its account: what it does not know it refuses, and that is the end of it.
    engine.docker("network", "create", "--ipam-driver", "acme", "--subnet", "10.94.0.0/24", "more")

    assert "cannot be reached: connection refused" in refused.stderr
    assert "inet 10.90.0.253/24" in still
    assert containers == ""
    back = [request["Address"] for name, request in plugin.calls[before:] if name == "ReleaseAddress"]
    assert back[0] == "10.90.0.253"


def test_addresses_outlive_the_death_of_engine_and_plugin(engine: Engine, plugins: Path) -> None:
    plugin = Plugin(engine.machine.host, plugins, replay="1")
    engine.docker("network", "create", "--ipam-driver", "acme", "theirs")
    engine.docker("run", "-d", "--name", "box", "--network", "theirs", IMAGE, "sleep", "1000")
    engine.kill()
    plugin.stop()
    plugin.start()
    before = len(plugin.calls)
    try:
        engine.start()
        engine.docker("create", "--name", "new", "--network", "theirs", IMAGE, "true")
        kept = addresses(engine, "box")
        engine.docker("start", "-a", "new")
        reminded = [(name, request.get("Address")) for name, request in plugin.calls[before:]]
        engine.remove_everything()
        returned = [request.get("Address") for name, request in plugin.calls if name.startswith("Release")]
    finally:
        plugin.stop()

    assert "inet 10.90.0.253/24" in kept
    assert reminded == [
        ("Activate", None),
        ("GetCapabilities", None),
        ("GetDefaultAddressSpaces", None),
        ("RequestPool", None),
        ("RequestAddress", "10.90.0.254"),
        ("RequestAddress", "10.90.0.253"),
        ("RequestAddress", ""),
    ]
    assert sorted(map(str, returned)) == ["10.90.0.252", "10.90.0.253", "10.90.0.254", "None"]


def test_a_plugin_may_choose_the_pool_and_the_gateway_and_want_macs(engine: Engine, plugins: Path) -> None:
    # 10.90.0.0/24 is in use on this host: the plugin is asked for another, and gets the first back.
    settings = {"mac": "1", "gateway": "10.91.0.5/24"}
    plugin = Plugin(engine.machine.host, plugins, "choosy", **settings)
    engine.docker("network", "create", "--subnet", "10.90.0.0/16", "ours")
    engine.docker("network", "create", "--config-only", "--subnet", "10.91.0.0/24", "plan")
    try:
        engine.docker("network", "create", "--ipam-driver", "choosy", "theirs")
        engine.docker(
            "create", "--name", "box", "--network", "theirs", "--mac-address", "02:00:00:00:00:09", IMAGE, "true"
        )
        config = json.loads(engine.docker("network", "inspect", "theirs").stdout)[0]["IPAM"]["Config"]
        calls = plugin.asked("RequestPool", "ReleasePool", "RequestAddress")
        engine.remove_everything()
    finally:
        plugin.stop()

    assert config == [{"Subnet": "10.91.0.0/24", "Gateway": "10.91.0.5"}]
    assert [name for name, _ in calls] == ["RequestPool", "RequestPool", "ReleasePool", "RequestAddress"]
    assert calls[3][1]["Options"] == {
        "com.docker.network.endpoint.name": "box",
        "com.docker.network.endpoint.macaddress": "02:00:00:00:00:09",
    }
