"""IPv6: subnets of their own, networks without IPv4, neighbours on the wire, docker0."""

import json
import time
from ipaddress import IPv6Network, ip_network
from pathlib import Path

from conftest import IMAGE
from machine import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Engine, Machine
from traffic import addresses, default_route, fetch, links, pinged, reached, serve, sleeper, sources

B = "com.docker.network.bridge."


def pools(engine: Engine, network: str) -> list[str]:
    """Return the subnets of a network."""
    shown = json.loads(engine.docker("network", "inspect", network).stdout)[0]
    return [pool["Subnet"] for pool in shown["IPAM"]["Config"]]


def test_a_dual_stack_network_finds_unique_local_addresses_for_itself(engine: Engine) -> None:
    engine.docker("network", "create", "--ipv6", "one")
    engine.docker("network", "create", "--ipv6", "two")
    web = serve(engine, "--name", "web", "--network", "one", "-p", "8080:80")
    first, second = (ip_network(pools(engine, name)[1]) for name in ("one", "two"))

    assert isinstance(first, IPv6Network)
    assert isinstance(second, IPv6Network)
    assert first.prefixlen == second.prefixlen == 64
    assert first.supernet(new_prefix=48) == second.supernet(new_prefix=48)
    assert first.subnet_of(IPv6Network("fd00::/8"))
    assert not first.overlaps(second)
    assert default_route(web, 6) == f"{first[1]} eth0"
    assert sources(engine.machine.outside, web, (OUTSIDE4, OUTSIDE6)) == [HOST4, HOST6]
    for place in (engine.machine.outside, engine.machine.host):
        assert fetch(place, HOST6, 8080) == "hello\n"
    assert fetch(engine.machine.host, "::1", 8080) == "hello\n"


def test_a_network_without_ipv4_is_whole(engine: Engine) -> None:
    neither = engine.docker("network", "create", "--ipv4=false", "x", check=False)
    engine.docker("network", "create", "--ipv6", "--ipv4=false", "-o", f"{B}name=br-six", "six")
    web = serve(engine, "--name", "web", "--hostname", "web", "--network", "six", "-p", "8080:80", "-p", f"{HOST4}::81")
    peer = sleeper(engine, "--network", "six")
    shown = json.loads(engine.docker("network", "inspect", "six").stdout)[0]
    settings = json.loads(engine.docker("inspect", "web").stdout)[0]["NetworkSettings"]
    own = settings["Networks"]["six"]["GlobalIPv6Address"]

    assert "IPv4 or IPv6 must be enabled" in neither.stderr
    assert (shown["EnableIPv4"], shown["EnableIPv6"]) == (False, True)
    assert [ip_network(pool).version for pool in pools(engine, "six")] == [6]
    assert all(":" in address for address in addresses(engine.machine.host, "br-six"))
    assert addresses(web, "eth0") == [f"{own}/64"]
    assert (default_route(web, 4), settings["Networks"]["six"]["IPAddress"]) == ("", "")
    assert engine.docker("exec", "web", "cat", "/etc/hosts").stdout.splitlines()[-1] == f"{own}\tweb"
    assert fetch(peer, own, 80) == "hello\n"
    assert fetch(peer, HOST6, 8080) == "hello\n"
    assert fetch(engine.machine.outside, HOST6, 8080) == "hello\n"
    assert sources(engine.machine.outside, peer, (OUTSIDE6,)) == [HOST6]
    assert set(settings["Ports"]) == {"80/tcp", "81/tcp"}
    assert settings["Ports"]["80/tcp"] == [{"HostIp": "::", "HostPort": "8080"}]


NEAR = ("-o", f"{B}gateway_mode_ipv6=routed", "--ipv6", "--subnet", "2001:db8::80:0/112")


def test_neighbours_on_the_wire_find_a_routed_network_inside_their_own_prefix(engine: Engine) -> None:
    outside = engine.machine.outside
    engine.docker("network", "create", *NEAR, "near")
    web = serve(engine, "--name", "web", "--network", "near", "--ip6", "2001:db8::80:9", "-p", "80")

    assert fetch(outside, "2001:db8::80:9", 80) == "hello\n"
    assert sources(outside, web, (OUTSIDE6,)) == ["2001:db8::80:9"]
    assert not pinged(outside, "2001:db8::80:8")
    assert answered_for(engine) == {"2001:db8::80:9"}
    engine.docker("stop", "-t", "0", "web")
    assert answered_for(engine) == set()
    engine.docker("start", "web")
    engine.docker("network", "connect", "bridge", "web")
    assert answered_for(engine) == {"2001:db8::80:9"}
    engine.docker("network", "disconnect", "near", "web")
    assert answered_for(engine) == set()
    assert "claim the same addresses" not in engine.log.read_text()


def test_an_interface_that_comes_back_is_answered_on_again(machine: Machine, tmp_path: Path, image_tar: Path) -> None:
    engine = Engine(machine, tmp_path)
    host = machine.host
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        engine.docker("network", "create", *NEAR, "near")
        serve(engine, "--network", "near", "--ip6", "2001:db8::80:9", "-p", "80")
        before = answered_for(engine)
        host.run("ip", "link", "set", "wan0", "down")

        assert before == {"2001:db8::80:9"}
        assert answered_for(engine) == set()
        host.run("ip", "link", "set", "wan0", "up")
        # The kernel takes an interface's IPv6 addresses away with it when it goes down.
        host.run("ip", "addr", "replace", f"{HOST6}/64", "dev", "wan0", "nodad")
        # Its route is heard of in the background, and the kernel first makes sure of the interface's own address.
        deadline = time.monotonic() + 20
        while not answered_for(engine) or host.run("ip", "-6", "addr", "show", "dev", "wan0", "tentative").stdout:
            assert time.monotonic() < deadline
        assert fetch(machine.outside, "2001:db8::80:9", 80) == "hello\n"
    finally:
        engine.close()


def answered_for(engine: Engine) -> set[str]:
    """Return the addresses that the host answers for on the wire."""
    shown = json.loads(engine.machine.host.run("ip", "-6", "-j", "neigh", "show", "proxy", "dev", "wan0").stdout)
    return {entry["dst"] for entry in shown}


def test_the_default_bridge_and_the_pools_of_both_families_are_as_the_daemon_was_told(
    machine: Machine, tmp_path: Path, image_tar: Path
) -> None:
    pool4, pool6 = "base=10.90.0.0/16,size=26", "base=fd90::/56,size=60"
    flags = ("--bip=10.91.0.1/24", "--ipv6", "--fixed-cidr-v6=fd91::/80", "--mtu=1400", "--ip=192.0.2.2")
    gateways = ("--default-gateway=10.91.0.7", "--default-gateway-v6=fd91::7")
    more = ("--icc=false", "--ip-masq=false", f"--default-address-pool={pool4}", f"--default-address-pool={pool6}")
    lenient = ("--lenient-network-options",)
    engine = Engine(machine, tmp_path, *flags, *gateways, *more, *lenient)
    advertise(machine)
    learnt = machine.host.run("ip", "-6", "route", "show", "default").stdout
    try:
        engine.start()

        assert "proto ra" in learnt
        assert machine.host.run("cat", "/proc/sys/net/ipv6/conf/all/forwarding").stdout == "1\n"
        assert machine.host.run("ip", "-6", "route", "show", "default").stdout.split()[:5] == learnt.split()[:5]
        engine.docker("import", str(image_tar), IMAGE)
        web = serve(engine, "--name", "web", "-p", "8080:80")
        peer = sleeper(engine)
        engine.docker("network", "create", "--ipv6", "-o", "com.docker.network.bridge.nonsense=1", "cut")
        shown = json.loads(engine.docker("inspect", "web").stdout)[0]["NetworkSettings"]["Networks"]["bridge"]
        own4, own6 = shown["IPAddress"], shown["GlobalIPv6Address"]

        assert sorted(addresses(machine.host, "docker0")) == ["10.91.0.1/24", "fd91::1/80"]
        assert links(web)["eth0"]["mtu"] == 1400
        assert (default_route(web, 4), default_route(web, 6)) == ("10.91.0.7 eth0", "fd91::7 eth0")
        assert addresses(web, "eth0") == [f"{own4}/24", f"{own6}/80"]
        assert engine.docker("port", "web").stdout == "80/tcp -> 192.0.2.2:8080\n"
        for address in (own4, own6):
            assert fetch(machine.host, address, 80) == "hello\n"
            assert not reached(peer, address, 80)
        assert pools(engine, "cut") == ["10.90.0.0/26", "fd90::/60"]
    finally:
        engine.close()


ADVERTISER = """
import socket, struct, sys, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.bind((sys.argv[1], 0, 0, socket.if_nametoindex("eth0")))
advert = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
s.sendto(advert, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))
"""


def advertise(machine: Machine) -> None:
    """Have the neighbour call itself a router until the host believes it."""
    machine.outside.run("ip", "addr", "add", "fe80::7/64", "dev", "eth0", "nodad")
    deadline = time.monotonic() + 10
    while not machine.host.run("ip", "-6", "route", "show", "default").stdout:
        machine.outside.run("/usr/bin/python3", "-c", ADVERTISER, "fe80::7")
        assert time.monotonic() < deadline
