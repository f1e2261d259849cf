"""With firewalld, whose default zone refuses everything, what our firewall lets through passes, whatever it does."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from firewall_daemon import FirewallDaemon
from machine import HOST4, HOST6, OUTSIDE4, Engine, Machine
from traffic import SERVER, Stack, addresses, reached

IMAGE = "busybox:latest"
PATIENCE = 10.0


@dataclass(frozen=True)
class Guarded:
    """An engine beside a firewalld, with a web server on a network that is translated and on one that is routed."""

    engine: Engine
    firewalld: FirewallDaemon
    web: Stack
    routed: Stack

    def passes(self) -> dict[str, bool]:
        """Return what passes: into published and routed ports, and out of a container."""
        outside = self.engine.machine.outside
        routed = addresses(self.routed, "eth0")[0].partition("/")[0]
        return {
            "published": reached(outside, HOST4, 8080),
            "published v6": reached(outside, HOST6, 8080),
            "routed": reached(outside, routed, 80),
            "out": reached(self.web, OUTSIDE4, 9000),
        }

    def bridges(self) -> list[str]:
        """Return all bridges of the engine."""
        shown = self.engine.machine.host.run("ip", "-o", "link", "show", "type", "bridge").stdout
        return sorted(line.split(": ")[1] for line in shown.splitlines())


BACKENDS = [
    pytest.param(("nftables", "nftables"), id="nftables"),
    pytest.param(("iptables", "nftables"), id="iptables"),
]
"""Of the engine, and of firewalld: the usual ones."""
FLUSHING = pytest.param(("iptables", "iptables"), id="iptables-both")
"""A firewalld that flushes everybody's rules with its own."""

one_backend = pytest.mark.parametrize("guarded", BACKENDS[:1], indirect=True)
either_firewalld = pytest.mark.parametrize("guarded", [BACKENDS[0], FLUSHING], indirect=True)
both_backends = pytest.mark.parametrize("guarded", BACKENDS, indirect=True)
every_pair = pytest.mark.parametrize("guarded", [*BACKENDS, FLUSHING], indirect=True)


@pytest.fixture(scope="module")
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, image_tar: Path
) -> Iterator[Guarded]:
    """Start firewalld, then an engine with a firewall backend, and servers within and outside."""
    backend, of_firewalld = request.param
    with contextlib.ExitStack() as stack:
        folder = tmp_path_factory.mktemp(f"firewalld-{backend}")
        machine = Machine(folder)
        stack.callback(machine.close)
        firewalld = FirewallDaemon(machine, of_firewalld)
        stack.callback(firewalld.close)
        firewalld.start()
        firewalld.command("--permanent", "--zone=public", "--add-interface=wan0")
        firewalld.command("--zone=public", "--add-interface=wan0")
        engine = Engine(machine, folder, f"--firewall-backend={backend}", "--ipv6", "--fixed-cidr-v6=fd00:5::/64")
        stack.callback(engine.close)
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        listen = machine.outside.enter("busybox", "httpd", "-f", "-p", "9000", "-h", str(folder))
        (folder / "index.html").write_text("outside")
        server = subprocess.Popen(listen)
        stack.callback(server.wait, 10)
        stack.callback(server.terminate)
        engine.docker("network", "create", "-o", "com.docker.network.bridge.gateway_mode_ipv4=routed", "routed")
        for name, flags in (("web", ("-p", "8080:80")), ("direct", ("--network", "routed", "-p", "80"))):
            engine.docker("run", "-d", "--name", name, *flags, IMAGE, *SERVER)
        yield Guarded(engine, firewalld, Stack(engine, "web"), Stack(engine, "direct"))


def eventually(found: Callable[[], object], wanted: object) -> None:
    """Ask again and again, which takes its time, until the answer is the wanted one."""
    deadline = time.monotonic() + PATIENCE
    while (last := found()) != wanted:
        assert time.monotonic() < deadline, last


def everything_passes(guarded: Guarded) -> None:
    """See to it that all is as it should be, soon."""
    eventually(guarded.passes, dict.fromkeys(guarded.passes(), True))
    assert guarded.firewalld.members() == guarded.bridges()


@both_backends
def test_bridges_are_in_the_zone_from_the_first_moment_to_the_last(guarded: Guarded) -> None:
    assert guarded.firewalld.members() == guarded.bridges()
    everything_passes(guarded)
    guarded.engine.docker("network", "create", "-o", "com.docker.network.bridge.name=brief", "brief")
    assert "brief" in guarded.firewalld.members()

    guarded.engine.docker("network", "rm", "brief")

    assert "brief" not in guarded.firewalld.members()


@every_pair
@pytest.mark.parametrize("reload", ["--reload", "--complete-reload"])
def test_all_is_right_again_after_a_reload(guarded: Guarded, reload: str) -> None:
    guarded.firewalld.command(reload)

    everything_passes(guarded)


@every_pair
def test_all_is_right_in_either_order_of_start(guarded: Guarded) -> None:
    guarded.firewalld.restart()
    everything_passes(guarded)

    guarded.engine.stop()
    guarded.firewalld.restart()
    guarded.engine.start()

    assert guarded.firewalld.members() == guarded.bridges()
    everything_passes(guarded)


@one_backend
def test_the_admin_has_the_last_word_on_where_a_bridge_belongs(guarded: Guarded) -> None:
    firewalld = guarded.firewalld
    firewalld.command("--zone=docker", "--remove-interface=docker0")
    assert not reached(guarded.web, OUTSIDE4, 9000)
    firewalld.command("--zone=trusted", "--add-interface=docker0")
    guarded.engine.stop()
    guarded.engine.start()

    assert "docker0" not in firewalld.members()
    assert firewalld.command("--get-zone-of-interface=docker0") == ["trusted"]

    firewalld.command("--zone=trusted", "--remove-interface=docker0")
    everything_passes(guarded)


@either_firewalld
def test_uninstalling_takes_the_zone_and_the_policy_away(guarded: Guarded) -> None:
    firewalld, engine = guarded.firewalld, guarded.engine
    engine.remove_everything()
    engine.stop()

    engine.machine.host.run(*engine.command(), "--uninstall")

    assert "docker" not in firewalld.command("--get-zones")
    assert "docker-forwarding" not in firewalld.command("--get-policies")
    assert "docker0" not in firewalld.command("--get-active-zones")
    engine.process = None
