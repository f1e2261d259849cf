"""Published ports that change while the container runs, and who may connect to them."""

import json

from machine import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Engine
from test_publish import fetch, serve

IMAGE = "busybox:latest"


def test_a_port_is_published_and_closed_while_the_container_runs(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    outside = engine.machine.outside

    engine.netwright("publish", "web", "8081:80")
    both = fetch(outside, HOST4, 8080), fetch(outside, f"[{HOST6}]", 8081)
    listed = engine.docker("port", "web").stdout
    wished = json.loads(engine.docker("inspect", "web").stdout)[0]["HostConfig"]["PortBindings"]["80/tcp"]
    engine.netwright("unpublish", "web", "8080:80")

    assert both == ("hello\n", "hello\n")
    assert "80/tcp -> 0.0.0.0:8081" in listed
    assert [binding["HostPort"] for binding in wished] == ["8080", "8081"]
    assert fetch(outside, HOST4, 8080) is None
    assert fetch(outside, HOST4, 8081) == "hello\n"


def test_it_stays_so_over_a_restart_of_the_container(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    engine.netwright("publish", "web", "8081:80", "--from", f"{OUTSIDE4},{OUTSIDE6}")
    engine.netwright("unpublish", "web", "8080:80")
    before = engine.netwright("port", "--from", "web").stdout

    engine.docker("restart", "-t", "0", "web")

    assert engine.netwright("port", "--from", "web").stdout == before
    assert before.splitlines()[0] == f"80/tcp -> 0.0.0.0:8081 from {OUTSIDE4}, {OUTSIDE6}"
    assert fetch(engine.machine.outside, HOST4, 8081) == "hello\n"
    assert fetch(engine.machine.outside, HOST4, 8080) is None


def test_only_those_who_are_named_are_answered(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80", "--label", "netwright.publish.from=203.0.113.0/24, 2001:db8:f::/48")
    outside, host = engine.machine.outside, engine.machine.host

    refused = [fetch(outside, HOST4, 8080), fetch(outside, f"[{HOST6}]", 8080), fetch(host, "127.0.0.1", 8080)]
    engine.netwright("publish", "web", "8080:80", "--from", "host,lan")
    allowed = [fetch(outside, HOST4, 8080), fetch(outside, f"[{HOST6}]", 8080), fetch(host, "127.0.0.1", 8080)]
    # Through ::1 and for an IPv6 client of a container without IPv6 the relay answers, and it asks as well.
    relayed = fetch(host, "[::1]", 8080)
    engine.netwright("publish", "web", "8080:80", "--from", "any")

    assert refused == [None, None, None]
    assert allowed == ["hello\n", "hello\n", "hello\n"]
    assert relayed == "hello\n"
    assert fetch(outside, HOST4, 8080) == "hello\n"


def test_ways_to_one_port_of_a_container_are_told_apart(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "80", "-p", "8080:80")
    before = engine.docker("port", "web").stdout

    engine.netwright("publish", "web", "8081:80")
    more = engine.docker("port", "web").stdout
    engine.docker("network", "create", "front")
    engine.docker("network", "connect", "--gw-priority", "1", "front", "web")
    engine.netwright("unpublish", "web", "8081:80")

    assert set(more.splitlines()) - set(before.splitlines()) == {f"80/tcp -> {ip}:8081" for ip in ("0.0.0.0", "[::]")}
    assert engine.docker("port", "web").stdout == before
    assert fetch(engine.machine.outside, HOST4, 8080) == "hello\n"


REFUSALS = {
    ("publish", "web", "8080:80", "--from", "everybody"): "no set of sources is called everybody",
    ("publish", "web", "8080:0"): "between 1 and 65535",
    ("publish", "nobody", "8080:80"): "No such container: nobody",
    ("unpublish", "web", "9090:80"): "container web does not publish 9090:80/tcp",
    ("publish", "hosted", "8080:80"): "uses the host's network",
    ("publish", "guest", "8080:80"): "uses the network of",
    ("publish", "web", "8080:80"): "port is already allocated",
}


def test_what_cannot_be_published_is_said_and_changes_nothing(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8081:80")
    serve(engine, "--name", "holder", "-p", "8080:80")
    engine.docker("run", "-d", "--name", "hosted", "--network", "host", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "guest", "--network", "container:web", IMAGE, "sleep", "1000")
    before = engine.docker("port", "web").stdout

    said = {words: engine.netwright(*words, check=False) for words in REFUSALS}
    engine.docker("rm", "-f", "guest")

    for words, done in said.items():
        assert done.returncode == 1, words
        assert REFUSALS[words] in done.stderr
    assert engine.docker("port", "web").stdout == before


def test_a_container_that_does_not_run_publishes_at_its_next_start(engine: Engine) -> None:
    engine.docker("create", "--name", "web", IMAGE, "httpd", "-f", "-h", "/www")

    engine.netwright("publish", "web", "8080:80")
    engine.docker("start", "web")

    assert fetch(engine.machine.outside, HOST4, 8080) == "hello\n"
