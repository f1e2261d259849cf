"""Containers on several networks: order of interfaces, default gateways, published ports, and isolation."""

import json
import re

import pytest
from machine import HOST4, HOST6, Engine
from traffic import Stack, addresses, default_route, fetch, links, reached, serve, sleeper

IMAGE = "busybox:latest"
DUAL, ONLY4, ONLY6 = ("--ipv6",), (), ("--ipv6", "--ipv4=false")


def create(engine: Engine, name: str, number: int, *flags: str) -> None:
    """Make a network whose addresses tell its number."""
    if "--ipv4=false" not in flags:
        flags = (*flags, "--subnet", f"10.80.{number}.0/24")
    if "--ipv6" in flags:
        flags = (*flags, "--subnet", f"fd80:{number}::/64")
    engine.docker("network", "create", *flags, name)


def order(inside: Stack) -> dict[str, str]:
    """Return the IPv4 network of each interface, in the order in which the kernel has them."""
    return {name: addresses(inside, name)[0].rpartition(".")[0] for name in links(inside)}


def routes(inside: Stack) -> tuple[str, str]:
    """Return the default routes of both families."""
    return default_route(inside, 4), default_route(inside, 6)


def numbers(engine: Engine, container: str) -> set[str]:
    """Return the host ports of a container."""
    return set(re.findall(r":(\d+)$", engine.docker("port", container).stdout, re.MULTILINE))


def test_interfaces_stand_in_the_order_of_declaration_and_keep_it(engine: Engine) -> None:
    for number, name in enumerate(("mmm", "aaa", "zzz", "kkk"), 1):
        create(engine, name, number)
    # The JSON of docker's own command line is sorted by name but for the first network; an SDK keeps the order.
    body = {
        "Image": IMAGE,
        "Cmd": ["sleep", "1000"],
        "HostConfig": {"NetworkMode": "mmm"},
        "NetworkingConfig": {"EndpointsConfig": {"mmm": {}, "zzz": {}, "aaa": {}}},
    }
    status, _ = engine.call("POST", "/containers/create?name=box", body)
    engine.docker("start", "box")
    first = order(Stack(engine, "box")), routes(Stack(engine, "box"))
    engine.docker("restart", "-t", "0", "box")
    again = order(Stack(engine, "box")), routes(Stack(engine, "box"))
    engine.docker("stop", "-t", "0", "box")
    engine.docker("network", "connect", "kkk", "box")
    engine.docker("start", "box")
    inside = Stack(engine, "box")
    joined = order(inside)
    engine.docker("network", "disconnect", "zzz", "box")
    engine.docker("network", "connect", "zzz", "box")

    assert status == 201
    assert list(first[0].items()) == [("eth0", "10.80.1"), ("eth1", "10.80.3"), ("eth2", "10.80.2")]
    assert first[1] == ("10.80.2.1 eth2", "")
    assert again == first
    assert list(joined.items()) == [*first[0].items(), ("eth3", "10.80.4")]
    assert order(inside)["eth1"] == "10.80.3"


def test_the_gateway_of_each_family_is_chosen_by_dockers_rules(engine: Engine) -> None:
    create(engine, "four", 1, *ONLY4)
    create(engine, "six", 2, *ONLY6)
    create(engine, "both", 3, *DUAL)
    create(engine, "aaa", 4, "--internal", *DUAL)
    create(engine, "bbb", 5, *DUAL)
    inside = sleeper(engine, "--name", "box", "--network", "aaa")

    def joined(*words: str) -> tuple[str, str]:
        engine.docker("network", "connect", *words, "box")
        return routes(inside)

    assert routes(inside) == ("", "")
    assert joined("four") == ("10.80.1.1 eth1", "")
    assert joined("six") == ("10.80.1.1 eth1", "fd80:2::1 eth2")
    assert joined("both") == ("10.80.3.1 eth3", "fd80:3::1 eth3")
    assert joined("bbb") == ("10.80.5.1 eth4", "fd80:5::1 eth4")
    engine.docker("network", "disconnect", "bbb", "box")
    assert routes(inside) == ("10.80.3.1 eth3", "fd80:3::1 eth3")
    engine.docker("network", "disconnect", "four", "box")
    assert joined("--gw-priority", "1", "four") == ("10.80.1.1 eth1", "fd80:3::1 eth3")
    engine.docker("restart", "-t", "0", "box")
    assert routes(Stack(engine, "box")) == ("10.80.1.1 eth1", "fd80:3::1 eth3")
    engine.docker("network", "disconnect", "both", "box")
    engine.docker("network", "disconnect", "four", "box")
    assert routes(Stack(engine, "box")) == ("", "fd80:2::1 eth2")
    shown = json.loads(engine.docker("inspect", "box").stdout)[0]["NetworkSettings"]["Networks"]
    assert {name: (entry["Gateway"], entry["IPv6Gateway"]) for name, entry in shown.items()} == {
        "aaa": ("", ""),
        "six": ("", "fd80:2::1"),
    }


def test_ports_follow_the_gateways_and_keep_their_numbers(engine: Engine) -> None:
    create(engine, "four", 1, *ONLY4)
    create(engine, "six", 2, *ONLY6)
    create(engine, "both", 3, *DUAL)
    outside = engine.machine.outside
    serve(engine, "--name", "web", "--network", "four", "-p", "80")
    (number,) = numbers(engine, "web")

    def answers() -> tuple[str | None, str | None]:
        assert numbers(engine, "web") == {number}
        return fetch(outside, HOST4, int(number)), fetch(outside, HOST6, int(number))

    assert answers() == ("hello\n", "hello\n")
    for verb, network in (
        ("connect", "six"),
        ("connect", "both"),
        ("disconnect", "four"),
        ("disconnect", "both"),
        ("connect", "four"),
        ("disconnect", "six"),
    ):
        engine.docker("network", verb, network, "web")
        if (verb, network) == ("disconnect", "both"):  # without IPv4 there is no way from an IPv4 address
            assert fetch(outside, HOST6, int(number)) == "hello\n"
        else:
            assert answers() == ("hello\n", "hello\n")
    engine.docker("network", "connect", "both", "web")
    engine.docker("restart", "-t", "0", "web")
    assert answers() == ("hello\n", "hello\n")


def test_a_routed_network_opens_ports_though_another_is_the_gateway(engine: Engine) -> None:
    modes = [f"com.docker.network.bridge.gateway_mode_ipv{version}=routed" for version in (4, 6)]
    create(engine, "aaa", 1, *DUAL)
    create(engine, "routed", 2, *DUAL, "-o", modes[0], "-o", modes[1])
    outside = engine.machine.outside
    for version, subnet, router in ((4, "10.80.2.0/24", HOST4), (6, "fd80:2::/64", HOST6)):
        outside.run("ip", f"-{version}", "route", "replace", subnet, "via", router)
    many = ("--network", "aaa", "--network", "routed", "-P", "--expose", "80", "-p", "8081:81")
    web = serve(engine, "--name", "web", *many)
    engine.docker("exec", "-d", "web", "httpd", "-f", "-p", "81", "-h", "/www")
    # The answers go back the way that the questions came only if the container sees to it.
    for version in (4, 6):
        web.run("ip", f"-{version}", "route", "replace", "default", "dev", "eth1", "via", f"{_router(version)}")

    for own in ("10.80.2.2", "fd80:2::2"):
        assert fetch(outside, own, 80) == "hello\n"
        assert fetch(outside, own, 81) == "hello\n"
    engine.docker("network", "disconnect", "aaa", "web")
    assert fetch(outside, "10.80.2.2", 80) == "hello\n"


def _router(version: int) -> str:
    return "10.80.2.1" if version == 4 else "fd80:2::1"


def test_networks_are_kept_apart_and_meet_at_published_ports(engine: Engine) -> None:
    create(engine, "one", 1, *DUAL)
    create(engine, "two", 2, *DUAL)
    serve(engine, "--network", "one", "--ip", "10.80.1.9", "--ip6", "fd80:1::9", "-p", "8080:80")
    stranger = sleeper(engine, "--name", "stranger", "--network", "two")

    for own, host in (("10.80.1.9", HOST4), ("fd80:1::9", HOST6)):
        assert fetch(stranger, host, 8080) == "hello\n"
        assert not reached(stranger, own, 80)
        assert not reached(stranger, own.replace("9", "1"), 80)
    engine.docker("network", "connect", "one", "stranger")
    assert fetch(stranger, "10.80.1.9", 80) == "hello\n"
    assert fetch(stranger, "fd80:1::9", 80) == "hello\n"


@pytest.mark.parametrize("started", [True, False], ids=["running", "stopped"])
def test_a_connect_without_a_free_ipv6_address_takes_no_ipv4_address(engine: Engine, *, started: bool) -> None:
    engine.docker("network", "create", "--subnet", "10.80.1.0/24", "--ipv6", "--subnet", "fd80:1::/127", "tiny")
    sleeper(engine, "--name", "full", "--network", "tiny")
    engine.docker("run" if started else "create", *(["-d"] if started else []), "--name", "box", IMAGE, "sleep", "100")
    before = engine.call("GET", "/networks/tiny")

    refused = engine.docker("network", "connect", "tiny", "box", check=False)

    assert "no available IPv6 addresses" in refused.stderr
    assert engine.call("GET", "/networks/tiny") == before
    networks = json.loads(engine.docker("inspect", "box").stdout)[0]["NetworkSettings"]["Networks"]
    assert list(networks) == ["bridge"]
    engine.docker("rm", "-f", "full")
    engine.docker("network", "connect", "--ip", "10.80.1.3", "tiny", "box")
