"""Every option of a bridge network and of its endpoints, seen in the kernel and by packets."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import BACKENDS
from machine import HOST4, HOST4_SECOND, HOST6, OUTSIDE4, OUTSIDE6, Engine, Machine
from traffic import (
    Stack,
    addresses,
    default_route,
    fetch,
    links,
    pinged,
    reached,
    serve,
    sleeper,
    sources,
)

B = "com.docker.network.bridge."
E = "com.docker.network.endpoint."
IMAGE = "busybox:latest"


def create(engine: Engine, network: str, /, *flags: str, **options: str) -> None:
    """Make a network of both families, with options of the bridge driver."""
    words = [word for key, value in options.items() for word in ("-o", f"{B}{key}={value}")]
    number = {"net": 1, "other": 2}[network]
    subnets = ("--ipv6", "--subnet", f"10.80.{number}.0/24", "--subnet", f"fd80:{number}::/64")
    engine.docker("network", "create", *subnets, *flags, *words, network)


def routed_outside(engine: Engine) -> None:
    """Give the neighbour routes to the containers, as any machine on the same wire could have them."""
    engine.machine.outside.run("ip", "route", "replace", "10.80.0.0/16", "via", HOST4)
    engine.machine.outside.run("ip", "route", "replace", "fd80::/16", "via", HOST6)


def test_names_and_mtu_are_those_asked_for(engine: Engine) -> None:
    more = ("-o", "com.docker.network.driver.mtu=1400", "-o", "com.docker.network.container_iface_prefix=lan")
    create(engine, "net", *more, name="br-mine")

    inside = links(sleeper(engine, "--network", "net"))
    host = links(engine.machine.host)
    ports = [link for link in host.values() if link.get("master") == "br-mine"]

    assert host["br-mine"]["mtu"] == 1400
    assert [link["mtu"] for link in ports] == [1400]
    assert {name: link["mtu"] for name, link in inside.items()} == {"lan0": 1400}


def test_a_bridge_that_is_there_already_is_used_and_left_standing(engine: Engine) -> None:
    host = engine.machine.host
    host.run("ip", "link", "add", "br-old", "type", "bridge")
    host.run("ip", "link", "add", "notbridge", "type", "veth", "peer", "name", "other-end")
    try:
        wrong = engine.docker("network", "create", "-o", f"{B}name=notbridge", "x", check=False)
        create(engine, "net", name="br-old")
        twice = engine.docker("network", "create", "-o", f"{B}name=br-old", "x", check=False)
        web = serve(engine, "--name", "web", "--network", "net", "-p", "8080:80")
        answered = fetch(engine.machine.outside, HOST4, 8080), fetch(web, "fd80:1::1", 8080)
        engine.docker("rm", "-f", "web")
        engine.docker("network", "rm", "net")

        assert "existing interface notbridge is not a bridge" in wrong.stderr
        assert "networks have same bridge name" in twice.stderr
        assert answered == ("hello\n", "hello\n")
        assert "br-old" in links(host)
    finally:
        host.run("ip", "link", "del", "br-old")
        host.run("ip", "link", "del", "notbridge")


def test_masquerade_hides_containers_unless_it_is_off(engine: Engine) -> None:
    create(engine, "net")
    create(engine, "other", enable_ip_masquerade="false")
    hidden = sleeper(engine, "--network", "net")
    shown = sleeper(engine, "--network", "other", "--ip", "10.80.2.9", "--ip6", "fd80:2::9")
    outside = engine.machine.outside

    assert sources(outside, hidden, (OUTSIDE4, OUTSIDE6)) == [HOST4, HOST6]
    assert sources(outside, shown, (OUTSIDE4, OUTSIDE6)) == ["10.80.2.9", "fd80:2::9"]


def test_what_goes_out_has_the_source_chosen_for_the_network(engine: Engine) -> None:
    engine.machine.host.run("ip", "addr", "add", "2001:db8::2/64", "dev", "wan0", "nodad")
    try:
        chosen = (f"com.docker.network.host_ipv4={HOST4_SECOND}", "com.docker.network.host_ipv6=2001:db8::2")
        create(engine, "net", "-o", chosen[0], "-o", chosen[1])
        inside = sleeper(engine, "--network", "net")

        assert sources(engine.machine.outside, inside, (OUTSIDE4, OUTSIDE6)) == [HOST4_SECOND, "2001:db8::2"]
    finally:
        engine.machine.host.run("ip", "addr", "del", "2001:db8::2/64", "dev", "wan0")


def test_ports_are_published_where_the_network_says(engine: Engine) -> None:
    create(engine, "net", host_binding_ipv4=HOST4_SECOND)
    serve(engine, "--name", "web", "--network", "net", "-p", "8080:80")

    assert engine.docker("port", "web").stdout == f"80/tcp -> {HOST4_SECOND}:8080\n"
    assert fetch(engine.machine.outside, HOST4_SECOND, 8080) == "hello\n"
    assert not reached(engine.machine.outside, HOST4, 8080)


def test_the_bridge_has_no_ipv4_address_where_it_is_inhibited(engine: Engine) -> None:
    create(engine, "net", inhibit_ipv4="true", name="br-mine")
    inside = sleeper(engine, "--network", "net")

    assert addresses(engine.machine.host, "br-mine") == ["fd80:1::1/64"]
    assert default_route(inside, 4) == "10.80.1.1 eth0"


@pytest.mark.parametrize(
    ("mode", "direct", "unpublished", "ping", "translated"),
    [
        ("nat", False, False, False, True),
        ("nat-unprotected", True, True, True, True),
        ("routed", True, False, True, False),
    ],
)
def test_gateway_modes_open_what_they_say(
    engine: Engine, mode: str, *, direct: bool, unpublished: bool, ping: bool, translated: bool
) -> None:
    routed_outside(engine)
    create(engine, "net", gateway_mode_ipv4=mode, gateway_mode_ipv6=mode)
    where = ("--network", "net", "--ip", "10.80.1.9", "--ip6", "fd80:1::9")
    web = serve(engine, *where, "--name", "web", "-p", "8080:80")
    engine.docker("exec", "-d", "web", "httpd", "-f", "-p", "81", "-h", "/www")
    outside = engine.machine.outside

    for own, host in (("10.80.1.9", HOST4), ("fd80:1::9", HOST6)):
        assert fetch(engine.machine.host, own, 81) == "hello\n"
        assert fetch(engine.machine.host, own, 80) == "hello\n"
        assert reached(outside, own, 80) == direct
        assert reached(outside, own, 81) == unpublished
        assert pinged(outside, own) == ping
        assert reached(outside, host, 8080) == translated
    came = sources(outside, web, (OUTSIDE4, OUTSIDE6))
    assert came == ([HOST4, HOST6] if translated else ["10.80.1.9", "fd80:1::9"])
    ports = json.loads(engine.docker("inspect", "web").stdout)[0]["NetworkSettings"]["Ports"]["80/tcp"]
    number = "8080" if translated else ""
    assert ports == [{"HostIp": "0.0.0.0", "HostPort": number}, {"HostIp": "::", "HostPort": number}]


def test_the_modes_of_the_families_are_independent(engine: Engine) -> None:
    routed_outside(engine)
    create(engine, "net", gateway_mode_ipv6="routed")
    serve(engine, "--network", "net", "--ip", "10.80.1.9", "--ip6", "fd80:1::9", "--name", "web", "-p", "8080:80")
    outside = engine.machine.outside

    assert fetch(outside, HOST4, 8080) == "hello\n"
    assert fetch(outside, "fd80:1::9", 80) == "hello\n"
    assert not reached(outside, "10.80.1.9", 80)
    assert not reached(outside, HOST6, 8080)
    assert engine.docker("port", "web").stdout.splitlines()[0] == "80/tcp -> 0.0.0.0:8080"


def test_an_isolated_network_is_not_even_reached_by_its_host(engine: Engine) -> None:
    modes = {"gateway_mode_ipv4": "isolated", "gateway_mode_ipv6": "isolated"}
    open_one = engine.docker("network", "create", "-o", f"{B}gateway_mode_ipv4=isolated", "x", check=False)
    create(engine, "net", "--internal", name="br-mine", **modes)
    web = serve(engine, "--network", "net", "--ip", "10.80.1.1", "--ip6", "fd80:1::1")
    peer = sleeper(engine, "--network", "net")

    assert "gateway mode 'isolated' can only be used for an internal network" in open_one.stderr
    assert links(engine.machine.host)["br-mine"]["addr_info"] == []
    for own in ("10.80.1.1", "fd80:1::1"):
        assert fetch(peer, own, 80) == "hello\n"
        assert not reached(engine.machine.host, own, 80)
    assert (default_route(web, 4), default_route(web, 6)) == ("", "")
    shown = json.loads(engine.docker("network", "inspect", "net").stdout)[0]["IPAM"]["Config"]
    assert [pool.get("Gateway") for pool in shown] == [None, None]


def test_an_internal_network_hears_its_host_and_nobody_else(engine: Engine) -> None:
    routed_outside(engine)
    create(engine, "net", "--internal")
    create(engine, "other")
    serve(engine, "--network", "net", "--ip", "10.80.1.9", "--ip6", "fd80:1::9", "-p", "8080:80")
    peer, stranger = sleeper(engine, "--network", "net"), serve(engine, "--network", "other", "-p", "8081:80")
    outside = engine.machine.outside

    for own, host, far in (("10.80.1.9", HOST4, OUTSIDE4), ("fd80:1::9", HOST6, OUTSIDE6)):
        assert fetch(peer, own, 80) == "hello\n"
        assert fetch(engine.machine.host, own, 80) == "hello\n"
        assert not reached(outside, own, 80)
        assert not reached(outside, host, 8080)
        assert not reached(stranger, own, 80)
        # Not even by a route of the container's own making.
        gateway = own.replace("9", "1")
        peer.run("ip", "route", "replace", "default", "via", gateway)
        assert not pinged(peer, far)
        assert fetch(outside, host, 8081) == "hello\n"
        assert not reached(peer, host, 8081)


def test_an_internal_network_reaches_programs_of_its_host_only_if_it_is_to(engine: Engine) -> None:
    create(engine, "net", "--internal")
    create(engine, "other", "--internal", "-o", "netwright.host_access=true")
    serve(engine, "--network", "host")
    closed, opened = sleeper(engine, "--network", "net"), sleeper(engine, "--network", "other")
    refused = engine.docker("network", "create", "-o", "netwright.host_access=true", "x", check=False)

    for gateway in ("10.80.2.1", "fd80:2::1"):
        assert fetch(opened, gateway, 80) == "hello\n"
    for gateway in ("10.80.1.1", "fd80:1::1"):
        assert not reached(closed, gateway, 80)
        assert not pinged(closed, gateway)
    assert "netwright.host_access is for internal networks" in refused.stderr


def test_neighbours_without_icc_meet_only_at_published_ports(engine: Engine) -> None:
    create(engine, "net", enable_icc="false")
    serve(engine, "--network", "net", "--ip", "10.80.1.9", "--ip6", "fd80:1::9", "-p", "8080:80")
    peer = sleeper(engine, "--network", "net")

    for own, host, far in (("10.80.1.9", HOST4, OUTSIDE4), ("fd80:1::9", HOST6, OUTSIDE6)):
        assert fetch(peer, host, 8080) == "hello\n"
        assert not reached(peer, own, 80)
        assert not pinged(peer, own)
        assert pinged(peer, far)


@pytest.mark.parametrize("backend", BACKENDS)
def test_linked_containers_reach_what_is_exposed_though_neighbours_keep_apart(
    machine: Machine, tmp_path: Path, image_tar: Path, backend: str
) -> None:
    flags = ("--icc=false", "--ipv6", "--fixed-cidr-v6=fd91::/64", f"--firewall-backend={backend}")
    engine = Engine(machine, tmp_path, *flags)
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        db = serve(engine, "--name", "db", "--expose", "80")
        engine.docker("exec", "-d", "db", "httpd", "-f", "-p", "81", "-h", "/www")
        linked, stranger = sleeper(engine, "--name", "app", "--link", "db:database"), sleeper(engine)
        ends = [address.partition("/")[0] for address in addresses(db, "eth0")]

        assert len(ends) == 2
        for own in ends:
            assert fetch(machine.host, own, 81) == "hello\n"
            assert fetch(linked, own, 80) == "hello\n"
            assert not reached(linked, own, 81)
            assert not reached(stranger, own, 80)
        assert engine.docker("exec", "app", "wget", "-q", "-O", "-", "http://database/").stdout == "hello\n"
        engine.docker("restart", "-t", "0", "db")
        assert fetch(linked, ends[0], 80) == "hello\n"
        engine.docker("rm", "-f", "db")
        assert re.findall(r"elements = .*tcp . 80", machine.host.run("nft", "list", "ruleset").stdout) == []
    finally:
        engine.close()


def test_a_trusted_interface_reaches_containers_directly(engine: Engine) -> None:
    routed_outside(engine)
    create(engine, "net", trusted_host_interfaces="wan0:lo")
    serve(engine, "--network", "net", "--ip", "10.80.1.9", "--ip6", "fd80:1::9", "-p", "8080:80")
    outside = engine.machine.outside

    for own in ("10.80.1.9", "fd80:1::9"):
        assert fetch(outside, own, 80) == "hello\n"
        assert not pinged(outside, own)


SNIFF = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print(flush=True)
until, heard = time.monotonic() + 15, []
while time.monotonic() < until:
    s.settimeout(until - time.monotonic())
    try:
        frame = s.recv(200)
    except TimeoutError:
        break
    who = frame[6:12].hex()
    if not who.startswith("02000000aa"):
        continue
    if frame[12:14] == b"\\x08\\x06" and frame[28:32] == frame[38:42]:
        heard.append(who[-4:] + ":arp")
    elif frame[12:14] == b"\\x86\\xdd" and frame[54] == 136:
        heard.append(who[-4:] + ":na")
    if len(heard) == int(sys.argv[2]):
        until = time.monotonic() + 0.4
print(*heard)
"""
"""Prints whose announcements are heard on an interface, by the end of their MAC addresses: so many, and 0.4 s more."""


@contextmanager
def listening(engine: Engine, link: str, count: int) -> Iterator[list[str]]:
    """Give a list that holds, after the block, what was announced on an interface of the host meanwhile."""
    heard: list[str] = []
    listener = subprocess.Popen(
        engine.machine.host.enter("/usr/bin/python3", "-c", SNIFF, link, str(count)), stdout=subprocess.PIPE, text=True
    )
    with listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        yield heard
        heard += listener.communicate(timeout=30)[0].split()


def known(place: Stack, address: str) -> str:
    """Return the MAC address by which a container knows another."""
    shown = json.loads(place.run("ip", "-j", "neigh", "show", address).stdout)
    return "".join(entry.get("lladdr", "") for entry in shown)


def test_addresses_are_announced_as_often_as_asked(engine: Engine) -> None:
    rhythm = ("-o", "com.docker.network.advertise_addr_nmsgs=2", "-o", "com.docker.network.advertise_addr_ms=100")
    create(engine, "net", *rhythm, name="br-mine")

    with listening(engine, "br-mine", 4) as heard:
        sleeper(engine, "--network", "net", "--mac-address", "02:00:00:00:aa:01")

    assert heard == ["aa01:arp", "aa01:na", "aa01:arp", "aa01:na"]


def test_a_new_address_is_not_announced_and_one_that_others_know_by_another_mac_is(engine: Engine) -> None:
    create(engine, "net", name="br-mine")
    address = ("--network", "net", "--ip", "10.80.1.9", "--ip6", "fd80:1::9")
    neighbour = sleeper(engine, "--network", "net")

    with listening(engine, "br-mine", 2) as heard:
        sleeper(engine, "--name", "first", *address, "--mac-address", "02:00:00:00:aa:01")
        assert pinged(neighbour, "10.80.1.9")
        assert pinged(neighbour, "fd80:1::9")
        assert known(neighbour, "10.80.1.9") == known(neighbour, "fd80:1::9") == "02:00:00:00:aa:01"
        engine.docker("rm", "-f", "first")
        sleeper(engine, *address, "--mac-address", "02:00:00:00:aa:02")

    assert set(heard) == {"aa02:arp", "aa02:na"}
    assert known(neighbour, "10.80.1.9") == known(neighbour, "fd80:1::9") == "02:00:00:00:aa:02"


def test_what_hangs_on_a_bridge_from_outside_is_told_of_every_address(engine: Engine) -> None:
    create(engine, "net", name="br-mine")
    host = engine.machine.host
    host.run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "switch")
    try:
        for words in (("switch", "up"), ("uplink", "master", "br-mine"), ("uplink", "up")):
            host.run("ip", "link", "set", *words)

        with listening(engine, "switch", 2) as heard:
            sleeper(engine, "--network", "net", "--mac-address", "02:00:00:00:aa:03")
    finally:
        host.run("ip", "link", "del", "uplink")

    assert set(heard) == {"aa03:arp", "aa03:na"}


def test_an_endpoint_is_as_it_was_asked_for(engine: Engine) -> None:
    create(engine, "net")
    options = (
        f"driver-opt={E}ifname=up0",
        f"driver-opt={E}sysctls=net.ipv4.conf.IFNAME.log_martians=1",
        "ip=10.80.1.9,ip6=fd80:1::9,mac-address=02:00:00:00:00:09,alias=ninth",
        "link-local-ip=169.254.7.9,link-local-ip=fe80::9",
    )
    inside = sleeper(engine, "--name", "box", "--network", f"name=net,{','.join(options)}")
    shown = json.loads(engine.docker("inspect", "box").stdout)[0]["NetworkSettings"]["Networks"]["net"]

    assert links(inside)["up0"]["address"] == "02:00:00:00:00:09"
    assert sorted(addresses(inside, "up0")) == ["10.80.1.9/24", "169.254.7.9/16", "fd80:1::9/64", "fe80::9/64"]
    assert inside.run("cat", "/proc/sys/net/ipv4/conf/up0/log_martians").stdout == "1\n"
    assert shown["IPAMConfig"] == {
        "IPv4Address": "10.80.1.9",
        "IPv6Address": "fd80:1::9",
        "LinkLocalIPs": ["169.254.7.9", "fe80::9"],
    }
    assert "ninth" in shown["DNSNames"]
    assert shown["DriverOpts"][f"{E}ifname"] == "up0"


def test_a_name_asked_for_is_kept_from_the_names_that_are_given(engine: Engine) -> None:
    create(engine, "net")
    create(engine, "other")
    inside = sleeper(engine, "--network", "net", "--network", f"name=other,driver-opt={E}ifname=eth0")

    assert {link: addresses(inside, link)[0] for link in links(inside)} == {
        "eth1": "10.80.1.2/24",
        "eth0": "10.80.2.2/24",
    }


def test_names_of_options_are_checked_in_dockers_own_namespace(engine: Engine) -> None:
    misspelt = engine.docker("network", "create", "-o", f"{B}enable_ic=false", "x", check=False)
    bare = engine.docker("network", "create", "-o", "enable_icc=false", "x", check=False)
    engine.docker("network", "create", "-o", "lab.tool/color=red", "net")
    status, _ = engine.call("POST", "/networks/net/connect", {"Container": "nobody"})
    box = {"Image": IMAGE, "Cmd": ["true"], "HostConfig": {"NetworkMode": "net"}}
    own = {"EndpointsConfig": {"net": {"DriverOpts": {"key1": "a"}}}}
    engine.call("POST", "/containers/create?name=box", {**box, "NetworkingConfig": own})
    shown = json.loads(engine.docker("inspect", "box").stdout)[0]["NetworkSettings"]["Networks"]["net"]

    assert f"did you mean {B}enable_icc?" in misspelt.stderr
    assert f"did you mean {B}enable_icc?" in bare.stderr
    assert status == 404
    assert shown["DriverOpts"] == {"key1": "a"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({f"{E}sysctl": "net.ipv4.conf.IFNAME.log_martians=1"}, f"did you mean {E}sysctls?"),
        ({f"{E}ifname": "a-name-that-is-too-long"}, "a-name-that-is-too-long"),
        ({f"{E}sysctls": "net.ipv4.conf.eth0.log_martians=1"}, "represent 'net.X.Y.ethN.Z=V' as"),
        ({f"{E}sysctls": "net.ipv4.conf.IFNAME.no_such=1"}, "no_such"),
        ({f"{E}sysctls": "net.ipv4.conf.IFNAME.log_martians=lots"}, "log_martians"),
    ],
)
def test_a_connect_that_is_refused_leaves_nothing(engine: Engine, options: dict[str, str], said: str) -> None:
    create(engine, "net")
    inside = sleeper(engine, "--name", "box")
    before = links(inside), engine.docker("inspect", "box").stdout
    fixed = {"IPv4Address": "10.80.1.9", "IPv6Address": "fd80:1::9"}
    body = {"Container": "box", "EndpointConfig": {"IPAMConfig": fixed, "DriverOpts": options}}

    status, answer = engine.call("POST", "/networks/net/connect", body)

    assert status in {400, 500}
    assert isinstance(answer, dict)
    assert said in answer["message"]
    assert (links(inside), engine.docker("inspect", "box").stdout) == before
    assert json.loads(engine.docker("network", "inspect", "net").stdout)[0]["Containers"] == {}
    engine.docker("network", "connect", "--ip", "10.80.1.9", "--ip6", "fd80:1::9", "net", "box")
