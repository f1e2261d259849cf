"""Bridges of others on the same host, as libvirt makes them: what worked before works with the engine, and after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BACKENDS
from machine import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Engine, Machine, Namespaces
from traffic import fetch, pinged, serve

GUESTS = {"one": ("192.168.122.2", "fd12:2::2"), "two": ("192.168.122.3", "fd12:2::3")}
GATEWAYS = ("192.168.122.1", "fd12:2::1")


@pytest.fixture
def guests(machine: Machine) -> Iterator[dict[str, Namespaces]]:
    """Give a bridge with two guests, whose addresses the host hides on their way out, as libvirt's default network."""
    made = {name: Namespaces(mounts=False) for name in GUESTS}
    host = machine.host
    host.run("ip", "link", "add", "virbr0", "type", "bridge")
    for address, length in zip(GATEWAYS, ("24", "64"), strict=True):
        host.run("ip", "addr", "add", f"{address}/{length}", "dev", "virbr0", *(["nodad"] if ":" in address else []))
    host.run("ip", "link", "set", "virbr0", "up")
    for name, guest in made.items():
        host.run("ip", "link", "add", f"vnet-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(guest.pid))
        host.run("ip", "link", "set", f"vnet-{name}", "master", "virbr0", "up")
        for address, length in zip(GUESTS[name], ("24", "64"), strict=True):
            guest.run("ip", "addr", "add", f"{address}/{length}", "dev", "eth0", *(["nodad"] if ":" in address else []))
        guest.run("ip", "link", "set", "eth0", "up")
        for gateway in GATEWAYS:
            guest.run("ip", "route", "add", "default", "via", gateway)
    hidden = "-s 192.168.122.0/24 ! -o virbr0 -j MASQUERADE"
    host.run("iptables", "-t", "nat", "-A", "POSTROUTING", *hidden.split())
    try:
        yield made
    finally:
        for guest in made.values():
            guest.close()


def works(machine: Machine, guests: dict[str, Namespaces]) -> dict[str, bool]:
    """Return what of a guest's traffic arrives."""
    one, outside = guests["one"], machine.outside
    ways = {
        "to its neighbour": (one, GUESTS["two"]),
        "to the host": (one, GATEWAYS),
        "from the host": (machine.host, GUESTS["one"]),
        "out": (one, (OUTSIDE4, OUTSIDE6)),
        "in": (outside, GUESTS["one"]),
    }
    return {
        f"{way} by IPv{version}": pinged(sender, targets[0 if version == 4 else 1])
        for way, (sender, targets) in ways.items()
        for version in (4, 6)
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("router", [True, False], ids=["router", "no-router"])
def test_they_work_as_before_with_the_engine_and_after_it(
    machine: Machine, guests: dict[str, Namespaces], tmp_path: Path, image_tar: Path, backend: str, router: bool
) -> None:
    if router:
        machine.host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    works(machine, guests)  # neighbours have to be found for the first time, which may take longer
    before = works(machine, guests)
    engine = Engine(machine, tmp_path, f"--firewall-backend={backend}")
    try:
        engine.start()
        engine.docker("import", str(image_tar), "busybox:latest")
        engine.docker("network", "create", "--ipv6", "--subnet", "fd60::/64", "shop")
        serve(engine, "--network", "shop", "-p", "8080:80")
        running = works(machine, guests)
        published = [fetch(guests["one"], address, 8080) for address in (HOST4, HOST6)]
        engine.stop()
        stopped = works(machine, guests)
        machine.host.run(*engine.command(), "--uninstall")
        uninstalled = works(machine, guests)
    finally:
        engine.close()

    assert running == stopped == uninstalled == before
    assert all(before[f"{way} by IPv4"] == router for way in ("out", "in"))
    assert published == ["hello\n", "hello\n"]
    assert "virbr0" in machine.host.run("iptables", "-t", "nat", "-S", "POSTROUTING").stdout
