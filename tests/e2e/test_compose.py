"""Docker Compose, both generations, against the running engine."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from machine import PEERS, Engine

pytestmark = pytest.mark.parametrize("running", ["nftables"], indirect=True)
"""Compose does not know which firewall there is."""

_PROJECT = """
version: "2.4"
services:
  web:
    image: busybox:latest
    command: httpd -f -h /www
    stop_grace_period: 1s
    ports: ["8085:80"]
    networks:
      front: {aliases: [www, site]}
      back: {ipv4_address: 10.73.0.10}
  db:
    image: busybox:latest
    command: sleep 1000
    stop_grace_period: 1s
    networks: [back]
networks:
  front: {}
  back:
    internal: true
    labels: {tier: back}
    driver_opts: {com.docker.network.driver.mtu: "1400"}
    ipam:
      config: [{subnet: 10.73.0.0/24, ip_range: 10.73.0.128/25, gateway: 10.73.0.1}]
"""

Compose = Callable[..., str]
_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "1": ("/usr/bin/python3", str(PEERS / "usr/bin/docker-compose")),
    "2": (str(PEERS.parent / "next/usr/bin/docker-compose"),),
}


@pytest.fixture(params=_PROGRAMS)
def compose(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> Compose:
    """Return what runs Compose on a project."""
    (tmp_path / "docker-compose.yml").write_text(_PROJECT)
    environment = [
        f"DOCKER_HOST=unix://{engine.socket}",
        f"PYTHONPATH={PEERS}/usr/lib/python3/dist-packages",
        f"HOME={tmp_path}",
    ]
    program = ["env", *environment, *_PROGRAMS[request.param], "-p", "site", "--project-directory", str(tmp_path)]
    program += ["-f", str(tmp_path / "docker-compose.yml")]

    def run(*words: str) -> str:
        return engine.machine.host.run(*program, *words).stdout

    return run


def container(engine: Engine, service: str) -> Any:
    """Return the inspection of a service's container."""
    found = engine.docker("ps", "-aq", "--filter", f"label=com.docker.compose.service={service}").stdout.split()
    (identity,) = found
    return json.loads(engine.docker("inspect", identity).stdout)[0]


def test_a_project_comes_up_goes_down_and_comes_up_again(engine: Engine, compose: Compose) -> None:
    compose("up", "-d")

    web, database = container(engine, "web"), container(engine, "db")
    networks = web["NetworkSettings"]["Networks"]
    assert sorted(networks) == ["site_back", "site_front"]
    assert networks["site_back"]["IPAddress"] == "10.73.0.10"
    assert {"www", "site", "web"} <= set(networks["site_front"]["DNSNames"])
    assert list(database["NetworkSettings"]["Networks"]) == ["site_back"]
    fetch = ["curl", "-sS", "--retry", "5", "--retry-connrefused", "-m", "2", "http://192.0.2.1:8085/"]
    assert engine.machine.outside.run(*fetch).stdout == "hello\n"
    script = "nc -w 2 10.73.0.10 80 </dev/null && echo reached"
    assert engine.docker("exec", database["Id"], "sh", "-c", script).stdout == "reached\n"
    (back,) = json.loads(engine.docker("network", "inspect", "site_back").stdout)
    assert (back["Internal"], back["Labels"]["tier"]) == (True, "back")
    assert back["IPAM"]["Config"] == [{"Subnet": "10.73.0.0/24", "IPRange": "10.73.0.128/25", "Gateway": "10.73.0.1"}]

    compose("up", "-d")
    assert container(engine, "web")["Id"] == web["Id"]
    compose("restart", "-t", "0", "web")
    assert container(engine, "web")["NetworkSettings"]["Networks"]["site_back"]["IPAddress"] == "10.73.0.10"
    compose("down", "-t", "0")

    assert engine.docker("ps", "-aq").stdout == ""
    assert engine.docker("network", "ls", "--format", "{{.Name}}").stdout.split() == ["bridge", "host", "none"]

    compose("up", "-d")
    assert container(engine, "web")["State"]["Running"]
    assert "web" in compose("ps")
    compose("down", "-t", "0")
