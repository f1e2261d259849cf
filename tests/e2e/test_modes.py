"""Network modes: what a container sees and what inspect shows for bridge, host, none and container:NAME."""

import json
import re

from machine import Engine

IMAGE = "busybox:latest"


def inspect(engine: Engine, name: str) -> dict[str, object]:
    """Return what docker inspect shows of a container."""
    shown = json.loads(engine.docker("inspect", name).stdout)
    assert isinstance(shown, list)
    return dict(shown[0])


def run(engine: Engine, *words: str) -> str:
    """Run a container to its end and return its output."""
    return engine.docker("run", "--rm", *words).stdout


def test_bridge_gives_an_address_a_default_route_and_a_name(engine: Engine) -> None:
    said = run(
        engine, "--name", "me", "--hostname", "box", IMAGE, "sh", "-c", "ip -o -4 addr; ip route; cat /etc/hosts"
    )

    address = re.search(r"eth0\s+inet (172\.17\.\d+\.\d+)/16", said)
    assert address is not None
    assert "default via 172.17.0.1 dev eth0" in said
    assert f"{address[1]}\tbox" in said
    assert "127.0.0.1\tlocalhost" in said


def test_inspect_of_a_bridge_container_has_dockers_keys(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "web", "-p", "8080:80", IMAGE, "sleep", "1000")

    settings = inspect(engine, "web")["NetworkSettings"]

    assert isinstance(settings, dict)
    assert {"Bridge", "SandboxID", "SandboxKey", "Ports", "Networks", "IPAddress", "Gateway", "MacAddress"} <= set(
        settings
    )
    bridge = settings["Networks"]["bridge"]
    assert bridge["IPAddress"] == settings["IPAddress"]
    assert bridge["Gateway"] == "172.17.0.1"
    assert bridge["IPPrefixLen"] == 16
    assert settings["Ports"] == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}]
    }


def test_identity_stays_the_same_over_a_restart(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "one", "-p", "80", IMAGE, "sleep", "1000")
    before = inspect(engine, "one")["NetworkSettings"]
    engine.docker("run", "-d", "--name", "two", IMAGE, "sleep", "1000")

    engine.docker("restart", "-t", "0", "one")
    after = inspect(engine, "one")["NetworkSettings"]

    assert isinstance(before, dict)
    assert isinstance(after, dict)
    for key in ("IPAddress", "MacAddress", "EndpointID", "Ports"):
        assert after[key] == before[key]


def test_host_mode_shows_the_hosts_own_stack(engine: Engine) -> None:
    said = run(engine, "--network", "host", IMAGE, "ip", "-o", "link")

    assert "wan0" in said
    assert "docker0" in said


def test_none_mode_shows_nothing_but_loopback(engine: Engine) -> None:
    said = run(engine, "--network", "none", IMAGE, "sh", "-c", "ip -o link; ip route; ping -c1 127.0.0.1")

    assert "eth0" not in said
    assert "default" not in said
    assert "1 packets received" in said


def test_container_mode_shares_the_others_stack_and_files(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "donor", "--hostname", "shared", IMAGE, "sleep", "1000")
    own = engine.docker("exec", "donor", "ip", "-o", "-4", "addr", "show", "eth0").stdout

    said = run(
        engine, "--network", "container:donor", IMAGE, "sh", "-c", "ip -o -4 addr show eth0; hostname; cat /etc/hosts"
    )
    engine.docker("run", "-d", "--name", "guest", "--network", "container:donor", IMAGE, "sleep", "1000")
    guest = inspect(engine, "guest")

    assert own.split()[3] in said
    assert "shared" in said
    settings, host = guest["NetworkSettings"], guest["HostConfig"]
    assert isinstance(settings, dict)
    assert isinstance(host, dict)
    assert settings["Networks"] == {}
    assert host["NetworkMode"].startswith("container:")
    engine.docker("rm", "-f", "guest")


def test_what_makes_no_sense_with_a_shared_stack_is_refused(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "donor", IMAGE, "sleep", "1000")
    texts = {
        ("--hostname", "x"): "conflicting options: hostname and the network mode",
        ("--add-host", "a:1.2.3.4"): "conflicting options: custom host-to-IP mapping and the network mode",
        ("--dns", "1.1.1.1"): "conflicting options: dns and the network mode",
        ("-p", "80:80"): "conflicting options: port publishing and the container type network mode",
    }

    for flags, text in texts.items():
        done = engine.docker("run", "--rm", "--network", "container:donor", *flags, IMAGE, "true", check=False)

        assert done.returncode == 125
        assert text in done.stderr


def test_a_donor_that_does_not_run_cannot_be_joined(engine: Engine) -> None:
    engine.docker("create", "--name", "asleep", IMAGE, "true")

    done = engine.docker("run", "--rm", "--network", "container:asleep", IMAGE, "true", check=False)

    assert "cannot join network namespace of a non running container" in done.stderr


def test_added_hosts_dns_and_sysctls_are_obeyed(engine: Engine) -> None:
    flags = [
        "--add-host",
        "a:1.2.3.4",
        "--add-host",
        "gw:host-gateway",
        "--dns",
        "192.0.2.53",
        "--dns-search",
        "example.test",
    ]
    flags += ["--dns-option", "ndots:2", "--sysctl", "net.ipv4.ip_default_ttl=77"]

    said = run(engine, *flags, IMAGE, "sh", "-c", "cat /etc/hosts /etc/resolv.conf /proc/sys/net/ipv4/ip_default_ttl")

    assert "1.2.3.4\ta\n" in said
    assert "172.17.0.1\tgw\n" in said
    assert "nameserver 192.0.2.53\n" in said
    assert "search example.test\n" in said
    assert "options ndots:2\n" in said
    assert said.endswith("77\n")


def test_a_mac_address_may_be_chosen(engine: Engine) -> None:
    said = run(engine, "--mac-address", "02:00:00:aa:bb:cc", IMAGE, "ip", "-o", "link", "show", "eth0")

    assert "02:00:00:aa:bb:cc" in said


def test_a_link_names_another_container(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "server", IMAGE, "sleep", "1000")

    said = run(engine, "--link", "server:db", IMAGE, "ping", "-c1", "db")

    assert "1 packets received" in said


def test_a_missing_network_is_said_at_once(engine: Engine) -> None:
    done = engine.docker("run", "--name", "lost", "--network", "nowhere", IMAGE, "true", check=False)
    left = engine.docker("ps", "-a", "--filter", "name=lost", "-q").stdout

    assert done.returncode == 125
    assert "network nowhere not found" in done.stderr
    assert left == ""
