"""User-defined networks: made, joined and left live, and kept apart."""

import json
import time

import pytest
from machine import Engine

IMAGE = "busybox:latest"


def test_containers_of_one_network_reach_each_other_and_no_other(engine: Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.81.0.0/24", "one")
    engine.docker("network", "create", "--subnet", "10.82.0.0/24", "two")
    engine.docker("run", "-d", "--network", "one", "--ip", "10.81.0.9", IMAGE, "httpd", "-f", "-h", "/www")
    script = "nc -w 2 10.81.0.9 80 </dev/null && echo reached"

    inside = engine.docker("run", "--rm", "--network", "one", IMAGE, "sh", "-c", script, check=False)
    outside = engine.docker("run", "--rm", "--network", "two", IMAGE, "sh", "-c", script, check=False)

    assert "reached" in inside.stdout
    assert "reached" not in outside.stdout


def test_a_network_is_joined_and_left_while_the_container_runs(engine: Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.81.0.0/24", "one")
    engine.docker("run", "-d", "--name", "box", IMAGE, "sleep", "1000")

    engine.docker("network", "connect", "--ip", "10.81.0.7", "one", "box")
    joined = engine.docker("exec", "box", "ip", "-o", "-4", "addr").stdout
    shown = json.loads(engine.docker("network", "inspect", "one").stdout)[0]["Containers"]
    engine.docker("network", "disconnect", "one", "box")
    left = engine.docker("exec", "box", "ip", "-o", "-4", "addr").stdout

    assert "eth1    inet 10.81.0.7/24" in joined
    assert [entry["IPv4Address"] for entry in shown.values()] == ["10.81.0.7/24"]
    assert "eth1" not in left


def test_ports_follow_the_gateway_without_changing_their_numbers(engine: Engine) -> None:
    engine.docker("network", "create", "aaa")
    engine.docker("run", "-d", "--name", "web", "-p", "80", IMAGE, "httpd", "-f", "-h", "/www")
    before = engine.docker("port", "web").stdout
    number = before.splitlines()[0].rpartition(":")[2]

    engine.docker("network", "connect", "aaa", "web")
    engine.docker("network", "disconnect", "bridge", "web")
    after = engine.docker("port", "web").stdout
    fetched = engine.machine.outside.run("curl", "-sS", "-m", "2", f"http://192.0.2.1:{number}/", check=False).stdout
    route = engine.docker("exec", "web", "ip", "route").stdout

    assert after == before
    assert fetched == "hello\n"
    assert "default via" in route
    assert "dev eth1" in route


def test_an_internal_network_leads_nowhere(engine: Engine) -> None:
    engine.docker("network", "create", "--internal", "closed")
    engine.docker("run", "-d", "--name", "peer", "--network", "closed", IMAGE, "sleep", "1000")
    address = json.loads(engine.docker("inspect", "peer").stdout)[0]["NetworkSettings"]["Networks"]["closed"][
        "IPAddress"
    ]
    script = f"ping -c1 -W2 {address}; ping -c1 -W1 192.0.2.7"

    done = engine.docker("run", "--rm", "--network", "closed", IMAGE, "sh", "-c", script, check=False)

    assert "1 packets received" in done.stdout
    assert done.returncode != 0


def test_icc_off_keeps_neighbours_apart_and_the_way_out_open(engine: Engine) -> None:
    engine.docker(
        "network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "--subnet", "10.83.0.0/24", "quiet"
    )
    engine.docker("run", "-d", "--network", "quiet", "--ip", "10.83.0.9", IMAGE, "httpd", "-f", "-h", "/www")
    script = "nc -w 1 10.83.0.9 80 </dev/null && echo reached; ping -c1 -W2 192.0.2.7"

    done = engine.docker("run", "--rm", "--network", "quiet", IMAGE, "sh", "-c", script, check=False)

    assert "reached" not in done.stdout
    assert "1 packets received" in done.stdout


def test_ipv6_networks_have_addresses_of_both_families(engine: Engine) -> None:
    engine.docker("network", "create", "--ipv6", "--subnet", "fd00:81::/64", "both")
    engine.docker(
        "run", "-d", "--name", "six", "--network", "both", "-p", "8080:80", IMAGE, "httpd", "-f", "-h", "/www"
    )

    said = engine.docker("exec", "six", "ip", "-o", "addr", "show", "eth0").stdout
    fetched = engine.machine.outside.run(
        "curl", "-sS", "--retry", "5", "--retry-connrefused", "-m", "2", "http://[2001:db8::1]:8080/", check=False
    ).stdout

    assert "inet6 fd00:81::2/64" in said
    assert fetched == "hello\n"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"Name": ""}, 400, "invalid name: name is empty"),
        ({"Name": "bridge"}, 403, "operation is not permitted on predefined bridge network "),
        ({"Name": "x", "Driver": "nope"}, 404, 'plugin "nope" not found'),
        ({"Name": "x", "Options": {"com.docker.network.bridge.enable_icc": "maybe"}}, 400, "failed to parse"),
        ({"Name": "x", "Options": {"com.docker.network.bridge.enable_ic": "true"}}, 400, "did you mean"),
        ({"Name": "x", "IPAM": {"Config": [{"Subnet": "10.1.2.3/24"}]}}, 400, "it should be 10.1.2.0/24"),
        ({"Name": "x", "IPAM": {"Config": [{"Subnet": "172.17.0.0/24"}]}}, 403, "Pool overlaps"),
    ],
)
def test_bad_networks_are_refused_in_dockers_words(
    engine: Engine, body: dict[str, object], status: int, text: str
) -> None:
    answered, said = engine.call("POST", "/networks/create", body)

    assert answered == status
    assert isinstance(said, dict)
    assert text in said["message"]


def test_a_network_in_use_is_not_removed(engine: Engine) -> None:
    engine.docker("network", "create", "used")
    engine.docker("create", "--name", "sleeper", "--network", "used", IMAGE, "true")

    stopped = engine.docker("network", "rm", "used", check=False)

    assert stopped.returncode == 1
    assert "sleeper" in stopped.stderr


def test_events_tell_what_happened_once(engine: Engine) -> None:
    engine.docker("network", "create", "told")
    engine.docker("run", "--rm", "--network", "told", IMAGE, "true")
    engine.docker("network", "rm", "told")

    told = engine.docker(
        "events",
        "--since",
        "1",
        "--until",
        str(int(time.time()) + 1),
        "--filter",
        "network=told",
        "--format",
        "{{.Action}}",
    ).stdout.split()

    assert told == ["create", "connect", "disconnect", "destroy"]
