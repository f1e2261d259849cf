"""A route of the host that leads where a network is: a warning, once, until it goes."""

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest
from machine import Engine, docker_clients


class Watcher:
    """A running `docker events`, showing overlaps of networks whose name begins so."""

    def __init__(self, engine: Engine, name: str) -> None:
        argv = [docker_clients()[-1], "-H", f"unix://{engine.socket}", "events", "--format", "{{json .}}"]
        argv += ["--since", "1", "--filter", "type=network", "--filter", "event=overlap"]
        argv += ["--filter", f"network={name}"]
        self._process = subprocess.Popen(engine.machine.host.enter(*argv), stdout=subprocess.PIPE, text=True)

    def next(self) -> dict[str, str]:
        """Wait for an event and return its attributes; the test's timeout bounds the wait."""
        assert self._process.stdout is not None
        event = json.loads(self._process.stdout.readline())
        attributes = event["Actor"]["Attributes"]
        assert isinstance(attributes, dict)
        return attributes

    def close(self) -> None:
        """End the client."""
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def vpn(engine: Engine) -> Iterator[str]:
    """Give the name of a link of the host that plays a VPN's."""
    host = engine.machine.host
    host.run("ip", "link", "add", "tun0", "type", "veth", "peer", "name", "tun1")
    host.run("ip", "link", "set", "tun1", "up")
    host.run("ip", "link", "set", "tun0", "up")
    yield "tun0"
    host.run("ip", "link", "del", "tun0")


def test_a_vpn_that_comes_up_over_a_network_is_told_with_both_names_and_again_when_it_comes_again(
    engine: Engine, vpn: str
) -> None:
    engine.docker("network", "create", "--subnet", "10.84.0.0/24", "at-work")
    engine.docker("network", "create", "--subnet", "10.85.0.0/24", "at-home")
    host = engine.machine.host
    with contextlib.closing(Watcher(engine, "at-")) as watcher:
        host.run("ip", "route", "add", "0.0.0.0/1", "dev", vpn)
        host.run("ip", "addr", "add", "10.84.0.200/26", "dev", vpn)
        host.run("ip", "route", "add", "10.84.0.192/26", "dev", vpn, "metric", "50")
        first = watcher.next()
        host.run("ip", "link", "set", vpn, "down")
        host.run("ip", "link", "set", vpn, "up")
        again = watcher.next()
        host.run("ip", "route", "add", "10.85.0.0/16", "dev", vpn)
        other = watcher.next()

    told = {
        "name": "at-work",
        "type": "bridge",
        "subnet": "10.84.0.0/24",
        "route": "10.84.0.192/26",
        "interface": vpn,
    }
    assert first == again == told
    assert (other["name"], other["route"]) == ("at-home", "10.85.0.0/16")
    assert "network at-work (10.84.0.0/24) and the route to 10.84.0.192/26 dev tun0" in engine.log.read_text()


def test_a_network_that_is_made_over_a_route_is_told_too(engine: Engine, vpn: str) -> None:
    engine.machine.host.run("ip", "route", "add", "10.86.0.0/16", "via", "192.0.2.7")

    engine.docker("network", "create", "--subnet", "10.86.1.0/24", "late")
    with contextlib.closing(Watcher(engine, "late")) as watcher:
        told = watcher.next()
    engine.machine.host.run("ip", "route", "del", "10.86.0.0/16")

    assert told == {
        "name": "late",
        "type": "bridge",
        "subnet": "10.86.1.0/24",
        "route": "10.86.0.0/16",
        "interface": "wan0",
        "gateway": "192.0.2.7",
    }
