"""Policy beside kernel, on a machine with containers."""

import json

from machine import Engine
from test_publish import fetch, serve


def check(engine: Engine, *words: str) -> dict[str, object]:
    return dict(json.loads(engine.netwright("firewall", "check", "--json", *words).stdout))


def test_nothing_differs_whatever_was_changed(engine: Engine) -> None:
    engine.docker("network", "create", "--ipv6", "--subnet", "fd00:60::/64", "shop")
    engine.docker("network", "create", "--internal", "back")
    assert check(engine)["Differences"] == []
    serve(engine, "--name", "web", "--network", "shop", "-p", "8080:80", "-p", "9000-9009:9000-9009/udp")
    engine.docker("network", "connect", "back", "web")
    engine.netwright("publish", "web", "8081:80", "--from", "192.0.2.0/24,lan")
    assert check(engine)["Differences"] == []
    engine.netwright("unpublish", "web", "8080:80")
    engine.docker("network", "disconnect", "shop", "web")
    assert check(engine)["Differences"] == []
    engine.docker("rm", "-f", "web")
    assert check(engine)["Differences"] == []


def test_it_repairs_when_asked_to_and_connections_go_on(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    engine.machine.host.run("iptables", "-P", "FORWARD", "DROP")
    try:
        done = engine.netwright("firewall", "check", "--repair")
    finally:
        engine.machine.host.run("iptables", "-P", "FORWARD", "ACCEPT")
    assert done.stdout.splitlines()[0] == "everything stands as it should"
    assert any(line.startswith("note: iptables drops") for line in done.stdout.splitlines())
    assert fetch(engine.machine.outside, "192.0.2.1", 8080) == "hello\n"
