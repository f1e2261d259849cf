"""The Networks API on the running engine: statuses and texts, look-up, configuration networks, haste, events."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from machine import Engine, Machine, docker_clients

one_firewall = pytest.mark.parametrize("running", ["nftables"], indirect=True)
"""The API does not know which firewall stands behind it."""

IMAGE = "busybox:latest"


def actions(engine: Engine, network: str) -> list[str]:
    """Return what has happened to a network."""
    until = str(int(time.time()) + 1)
    words = ["events", "--since", "1", "--until", until, "--filter", f"network={network}", "--format", "{{.Action}}"]
    return engine.docker(*words).stdout.split()


def inspected(engine: Engine, path: str) -> Any:
    """Return what a GET answers; it must be 200."""
    status, body = engine.call("GET", path)
    assert status == 200, body
    return body


@one_firewall
@pytest.mark.parametrize("client", docker_clients())
def test_every_docker_command_of_networks_works(engine: Engine, client: str) -> None:
    def docker(*words: str) -> str:
        return engine.docker(*words, client=client).stdout.strip()

    made = docker("network", "create", "--label", "a=b", "--subnet", "10.71.0.0/24", "--ip-range", "10.71.0.128/25",
                  "--gateway", "10.71.0.1", "--aux-address", "router=10.71.0.9", "--attachable", "mine")  # fmt: skip
    docker("run", "-d", "--name", "box", IMAGE, "sleep", "1000")
    docker("network", "connect", "--alias", "nick", "--ip", "10.71.0.5", "mine", "box")

    (shown,) = json.loads(docker("network", "inspect", "--verbose", "mine"))
    assert (shown["Id"], shown["Attachable"], shown["Labels"]) == (made, True, {"a": "b"})
    assert shown["IPAM"] == {
        "Driver": "default",
        "Options": {},
        "Config": [
            {
                "Subnet": "10.71.0.0/24",
                "IPRange": "10.71.0.128/25",
                "Gateway": "10.71.0.1",
                "AuxiliaryAddresses": {"router": "10.71.0.9"},
            }
        ],
    }
    assert [entry["IPv4Address"] for entry in shown["Containers"].values()] == ["10.71.0.5/24"]
    assert docker("network", "ls", "-q", "-f", "label=a=b", "-f", "driver=bridge") == made[:12]
    docker("network", "disconnect", "mine", "box")
    assert docker("network", "prune", "-f", "--filter", "label=a").split() == ["Deleted", "Networks:", "mine"]
    assert docker("network", "ls", "--format", "{{.Name}}").split() == ["bridge", "host", "none"]


@one_firewall
def test_statuses_and_texts_are_dockers(engine: Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.71.0.0/24", "mine")
    engine.docker("run", "-d", "--name", "box", "--network", "mine", "--ip", "10.71.0.5", IMAGE, "sleep", "1000")
    box = inspected(engine, "/containers/box/json")["Id"]
    endpoint = {"IPAMConfig": {"IPv4Address": "10.71.0.5"}}
    asked: list[tuple[str, str, object, int, str]] = [
        ("GET", "/networks/nope", None, 404, "network nope not found"),
        ("GET", "/networks/mine?verbose=maybe", None, 400, "invalid value for verbose: maybe"),
        ("DELETE", "/networks/host", None, 403, "host is a pre-defined network and cannot be removed"),
        ("DELETE", "/networks/mine", None, 403, 'network mine has active endpoints (name:"box" id:"'),
        ("POST", "/networks/create", {"Name": "mine"}, 409, "network with name mine already exists"),
        ("POST", "/networks/create", {"Name": " "}, 400, "invalid name: name is empty"),
        ("POST", "/networks/create", {"Name": "x", "Ingress": True}, 403, "Ingress network can only be global scope"),
        ("POST", "/networks/create", {"Name": "x", "Scope": "swarm"}, 403, "cannot create a swarm scoped network"),
        ("POST", "/networks/create", {"Name": "x", "Driver": "overlay"}, 403, "This node is not a swarm manager"),
        ("POST", "/networks/create", {"Name": "x", "Driver": "host"}, 403, 'only one instance of "host" network'),
        ("POST", "/networks/create", {"Name": "x", "EnableIPv4": False}, 400, "IPv4 or IPv6 must be enabled"),
        ("POST", "/networks/create", {"Name": "x", "Labels": ["a"]}, 400, "invalid JSON: json: cannot unmarshal array"),
        ("POST", "/networks/nope/connect", {"Container": "box"}, 404, "network nope not found"),
        ("POST", "/networks/mine/connect", {"Container": "nope"}, 404, "No such container: nope"),
        ("POST", "/networks/mine/connect", {"Container": "box"}, 403, "endpoint with name box already exists in"),
        ("POST", "/networks/host/connect", {"Container": "box"}, 400, "cannot connect container to host network"),
        ("POST", "/networks/none/connect", {"Container": "box"}, 400, "in private (none) mode"),
        (
            "POST",
            "/networks/host/connect",
            {"Container": "box", "EndpointConfig": {"Aliases": ["x"]}},
            400,
            "network-scoped aliases are only supported for user-defined networks",
        ),
        ("POST", "/networks/bridge/disconnect", {"Container": "box"}, 500, f"container {box} is not connected to"),
        ("POST", "/networks/mine/disconnect", {"Container": "x", "Force": True}, 404, "endpoint x not found"),
        (
            "POST",
            "/networks/bridge/connect",
            {"Container": "box", "EndpointConfig": endpoint},
            400,
            "user-specified IP address is supported on user-defined networks only",
        ),
    ]
    engine.docker("create", "--name", "second", IMAGE, "true")
    wish = {"Container": "second", "EndpointConfig": endpoint}
    asked.append(("POST", "/networks/mine/connect", wish, 403, "Address already in use"))

    before = [inspected(engine, path) for path in ("/containers/box/json", "/containers/second/json", "/networks/mine")]

    for method, path, body, status, words in asked:
        answered, said = engine.call(method, path, body)
        assert isinstance(said, dict), (path, said)
        assert (answered, words in said["message"]) == (status, True), (path, body, said)
    after = [inspected(engine, path) for path in ("/containers/box/json", "/containers/second/json", "/networks/mine")]
    assert after == before


@one_firewall
def test_a_stopped_container_learns_at_once_what_it_cannot_join(engine: Engine) -> None:
    engine.docker("network", "create", "mine")
    engine.docker("create", "--name", "box", IMAGE, "true")

    missing = engine.docker("network", "connect", "nope", "box", check=False)
    engine.docker("network", "connect", "--alias", "x", "mine", "box")
    engine.docker("network", "connect", "mine", "box")
    twice = engine.docker("network", "connect", "--alias", "other", "mine", "box", check=False)

    assert missing.stderr.strip() == "Error response from daemon: network nope not found"
    assert "endpoint with name box already exists in network mine" in twice.stderr
    assert inspected(engine, "/containers/box/json")["NetworkSettings"]["Networks"]["mine"]["Aliases"] == ["x"]


@one_firewall
def test_an_id_comes_before_a_name_and_a_name_before_the_start_of_an_id(engine: Engine) -> None:
    first = engine.docker("network", "create", "first").stdout.strip()
    named_short = engine.docker("network", "create", first[:12]).stdout.strip()
    named_long = engine.docker("network", "create", first).stdout.strip()

    assert inspected(engine, f"/networks/{first[:12]}")["Id"] == named_short
    assert inspected(engine, f"/networks/{first}")["Id"] == first
    engine.docker("network", "rm", first[:12])
    engine.docker("network", "rm", first)
    assert [item["Id"] for item in inspected(engine, "/networks") if item["Name"] in (first, "first")] == [named_long]


@one_firewall
def test_networks_made_at_once_share_neither_name_nor_subnet(engine: Engine) -> None:
    def make(name: str) -> int:
        return engine.call("POST", "/networks/create", {"Name": name})[0]

    with ThreadPoolExecutor(20) as pool:
        distinct = list(pool.map(make, [f"n{number}" for number in range(20)]))
        same = list(pool.map(make, ["same"] * 20))

    shown = [item for item in inspected(engine, "/networks") if item["IPAM"]["Config"]]
    subnets = [item["IPAM"]["Config"][0]["Subnet"] for item in shown]
    assert distinct == [201] * 20
    assert sorted(same) == [201] + [409] * 19
    assert len(set(subnets)) == len(subnets) == 22


@one_firewall
def test_a_network_of_stopped_containers_goes_by_force_only(engine: Engine) -> None:
    engine.docker("network", "create", "mine")
    engine.docker("create", "--name", "box", "--network", "mine", IMAGE, "true")

    refused = engine.docker("network", "rm", "-f", "mine", check=False)
    removed = engine.netwright("network", "rm", "-f", "mine", "none-such").stdout.split()

    assert "named by stopped containers (box)" in refused.stderr
    assert removed == ["mine"]
    assert inspected(engine, "/containers/box/json")["NetworkSettings"]["Networks"] == {}
    assert engine.call("POST", "/containers/box/start")[0] == 204


@one_firewall
def test_each_event_comes_once(engine: Engine) -> None:
    engine.docker("network", "create", "told")
    engine.docker("run", "-d", "--name", "box", IMAGE, "sleep", "1000")
    engine.docker("network", "connect", "told", "box")
    engine.docker("network", "disconnect", "told", "box")
    engine.docker("network", "prune", "-f")

    assert actions(engine, "told") == ["create", "connect", "disconnect", "destroy"]
    lines = engine.docker("events", "--since", "1", "--until", str(int(time.time()) + 1), "--filter", "event=prune",
                          "--filter", "type=network", "--format", "{{json .}}").stdout.splitlines()  # fmt: skip
    assert json.loads(lines[-1])["Actor"] == {"ID": "", "Attributes": {"reclaimed": "0"}}


@one_firewall
def test_who_joined_a_stack_whose_owner_is_gone_is_still_shown(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "donor", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "guest", "--network", "container:donor", IMAGE, "sleep", "1000")
    engine.docker("rm", "-f", "donor")

    assert engine.docker("ps", "--format", "{{.Names}}").stdout.split() == ["guest"]
    assert inspected(engine, "/containers/guest/json")["NetworkSettings"]["Networks"] == {}


def test_configurations_and_idle_subnets_outlive_the_engine(machine: Machine, tmp_path: Path) -> None:
    engine = Engine(machine, tmp_path)
    engine.start()
    try:
        engine.docker("network", "create", "--config-only", "--subnet", "10.71.0.0/24", "--label", "a=b",
                      "-o", "com.docker.network.driver.mtu=1400", "plan")  # fmt: skip
        idle = {"Name": "idle", "IPAM": {"Config": [{"Subnet": "2001:db8:5::/64"}]}}
        assert engine.call("POST", "/networks/create", idle)[0] == 201
        before = inspected(engine, "/networks")
        assert engine.stop() == 0
        engine.start()

        assert inspected(engine, "/networks") == before
        engine.docker("network", "create", "--config-from", "plan", "made")
        made = inspected(engine, "/networks/made")
        assert made["IPAM"]["Config"] == [{"Subnet": "10.71.0.0/24", "Gateway": "10.71.0.1"}]
        assert (made["ConfigFrom"], made["Labels"]) == ({"Network": "plan"}, {"a": "b"})
        assert "mtu 1400" in machine.host.run("ip", "link", "show", f"br-{made['Id'][:12]}").stdout
        kept = engine.docker("network", "rm", "plan", check=False)
        assert 'configuration network "plan" is in use' in kept.stderr
        engine.docker("network", "rm", "made", "plan")
    finally:
        engine.close()
