"""Names of containers for the host's own programs: at an address of the host, and by a real systemd-resolved."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from machine import PEERS, Engine, Machine
from resolved_daemon import ResolvedDaemon
from test_names import UPSTREAM, dig

IMAGE = "busybox:latest"
SLEEP = (IMAGE, "sleep", "1000")
LISTENER, LISTENER6, STUB = "127.0.0.153", "::1", "127.0.0.53"
ELSEWHERE = "192.0.2.101"
"""What the server that knows every name of the world says."""
PATIENCE = 20.0


@pytest.fixture
def asked(request: pytest.FixtureRequest, machine: Machine, tmp_path: Path, image_tar: Path) -> Iterator[Engine]:
    """Give an engine that answers the host, with two networks that both know a `web`; `db` is on one of them.

    A test may be given at which addresses; else they are one of each family.
    """
    addresses = getattr(request, "param", (LISTENER, LISTENER6))
    engine = Engine(machine, tmp_path, *(f"--host-names={address}" for address in addresses))
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        engine.docker("network", "create", "--subnet", "10.81.0.0/24", "shop")
        engine.docker("network", "create", "--subnet", "10.82.0.0/24", "shop_default")
        engine.docker("run", "-d", "--name", "web", "--network", "shop", "--ip", "10.81.0.9", *SLEEP)
        engine.docker("run", "-d", "--name", "db", "--network", "shop_default", "--ip", "10.82.0.9", *SLEEP)
        yield engine
    finally:
        engine.close()


def ask(machine: Machine, server: str, *question: str) -> list[str]:
    """Return what a server says to the host, as dig shows it: in short, after how it went (`NOERROR`)."""
    libraries = PEERS / "usr/lib/x86_64-linux-gnu"
    command = ["env", f"LD_LIBRARY_PATH={libraries}", str(PEERS / "usr/bin/dig"), f"@{server}", "+time=2", "+tries=2"]
    said = machine.host.run(*command, *question, check=False).stdout
    status = [line.partition("status: ")[2].partition(",")[0] for line in said.splitlines() if "status: " in line]
    answers = [line.split()[-1] for line in said.splitlines() if line and not line.startswith(";")]
    return [*status, *answers]


def eventually(found: Callable[[], object], wanted: object) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while (last := found()) != wanted:
        assert time.monotonic() < deadline, last


def test_the_host_is_told_of_the_containers_of_all_networks_and_of_nothing_else(asked: Engine) -> None:
    machine = asked.machine
    assert "error" not in asked.log.read_text()
    asked.docker("run", "-d", "--name", "also", "--network", "shop_default", "--network-alias", "web", *SLEEP)

    assert ask(machine, LISTENER, "db", "A") == ["NOERROR", "10.82.0.9"]
    assert ask(machine, LISTENER, "+tcp", "DB.shop_default", "A") == ["NOERROR", "10.82.0.9"]
    assert ask(machine, LISTENER, "web.shop", "A") == ["NOERROR", "10.81.0.9"]
    assert ask(machine, LISTENER, "web.shop.docker.internal", "A") == ["NOERROR", "10.81.0.9"]
    assert ask(machine, LISTENER, "web.shop", "AAAA") == ["NOERROR"]
    assert ask(machine, LISTENER, "-x", "10.81.0.9") == ["NOERROR", "web.shop."]
    assert ask(machine, LISTENER, "web", "A") == ["REFUSED"]
    assert ask(machine, LISTENER, "example.org", "A") == ["REFUSED"]
    assert ask(machine, LISTENER, "no.shop", "A") == ["REFUSED"]
    assert ask(machine, LISTENER, "no.shop.docker.internal", "A") == ["NXDOMAIN"]
    assert "the host asks for web, which is a name on network" in asked.log.read_text()

    assert ask(machine, LISTENER6, "db", "A") == ["NOERROR", "10.82.0.9"]
    assert ask(machine, LISTENER6, "+tcp", "web.shop", "A") == ["NOERROR", "10.81.0.9"]
    assert ask(machine, LISTENER6, "example.org", "A") == ["REFUSED"]


def test_what_the_host_is_answered_is_told_with_its_reason(asked: Engine) -> None:
    asked.docker("run", "-d", "--name", "also", "--network", "shop_default", "--network-alias", "web", *SLEEP)

    def said(*question: str) -> tuple[int, list[str]]:
        done = asked.netwright("dns", "query", *question, check=False)
        return done.returncode, done.stdout.splitlines()

    assert said("db") == (0, ["db A 10.82.0.9", "why: a name on network shop_default"])
    code, lines = said("web")
    assert (code, lines[1:]) == (1, ["note: network shop_default knows another one: web.shop_default"])
    assert lines[0].startswith("why: a name on network shop and another one on network shop_default: REFUSED")
    assert said("no.shop.docker.internal") == (
        1,
        ["why: a name that only a container could have, and none has: NXDOMAIN"],
    )
    assert said("example.org")[1][0].startswith("why: no container has it: REFUSED")

    refused = asked.netwright("dns", "query", "a..b", check=False)
    assert refused.stderr == "Error response from daemon: 'a..b' has a label that DNS cannot carry\n"


def test_networks_and_containers_that_come_and_go_are_known_and_unknown_to_the_host_at_once(asked: Engine) -> None:
    asked.docker("network", "create", "--subnet", "10.83.0.0/24", "late")
    asked.docker("run", "-d", "--name", "cache", "--network", "late", "--ip", "10.83.0.9", *SLEEP)
    come = ask(asked.machine, LISTENER, "cache.late", "A")
    asked.docker("rm", "-f", "cache")
    asked.docker("network", "rm", "late")

    assert come == ["NOERROR", "10.83.0.9"]
    assert ask(asked.machine, LISTENER, "cache.late", "A") == ["REFUSED"]
    assert ask(asked.machine, LISTENER, "cache", "A") == ["REFUSED"]


def test_the_host_is_answered_while_the_engine_is_dead_and_until_an_engine_without_the_option_comes(
    asked: Engine,
) -> None:
    def told() -> list[list[str]]:
        return [ask(asked.machine, address, "db", "A") for address in (LISTENER, LISTENER6)]

    asked.kill()
    dead = told()
    asked.start()
    again = told()
    asked.stop()
    asked.flags = (f"--host-names={LISTENER6}",)
    asked.start()
    one = told()
    asked.stop()
    asked.flags = ()
    asked.start()

    assert dead == again == [["NOERROR", "10.82.0.9"]] * 2
    assert one == [[], ["NOERROR", "10.82.0.9"]]
    assert told() == [[], []]
    assert len(dig(asked, "db", "db", "A")) == 1


def test_an_address_that_somebody_else_has_is_said_and_everything_else_goes_on(asked: Engine) -> None:
    asked.stop()
    asked.flags = ("--host-names=127.0.0.77:5353", "--host-names=2001:db8::53", f"--host-names={LISTENER6}")
    taken = ["/usr/bin/python3", "-I", "-c", UPSTREAM.replace("53)", "5353)", 1), "127.0.0.77", ELSEWHERE]
    stranger = subprocess.Popen(asked.machine.host.enter(*taken), stdout=subprocess.PIPE)
    assert stranger.stdout is not None
    stranger.stdout.readline()
    try:
        asked.start()
    finally:
        stranger.terminate()
        stranger.communicate()

    log = asked.log.read_text()
    assert "cannot be answered for the host at 127.0.0.77:5353: Address already in use" in log
    assert "the host has no address 2001:db8::53: names are answered there as soon as it has" in log
    assert ask(asked.machine, LISTENER6, "db", "A") == ["NOERROR", "10.82.0.9"]
    asked.machine.host.run("ip", "addr", "add", "2001:db8::53/128", "dev", "lo", "nodad")
    assert ask(asked.machine, "2001:db8::53", "db", "A") == ["NOERROR", "10.82.0.9"]
    done = asked.netwright("check", check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        3,
        "the host at 127.0.0.77:5353: names are not answered in it",
    )
    asked.netwright("repair")
    assert asked.netwright("check").returncode == 0
    assert ask(asked.machine, "127.0.0.77", "-p", "5353", "db", "A") == ["NOERROR", "10.82.0.9"]
    assert len(dig(asked, "db", "db", "A")) == 1


@pytest.fixture
def resolved(machine: Machine) -> Iterator[ResolvedDaemon]:
    """Give a systemd-resolved that asks a server which knows every name of the world."""
    world = subprocess.Popen(
        machine.host.enter("/usr/bin/python3", "-I", "-c", UPSTREAM, "127.0.0.1", ELSEWHERE), stdout=subprocess.PIPE
    )
    assert world.stdout is not None
    world.stdout.readline()
    try:
        with contextlib.closing(ResolvedDaemon(machine, "127.0.0.1")) as daemon:
            daemon.start()
            yield daemon
    finally:
        world.terminate()
        world.communicate()


@pytest.mark.parametrize("asked", [[LISTENER], [LISTENER6]], indirect=True)
def test_systemd_resolved_asks_us_for_what_is_ours_and_the_others_for_the_rest(
    resolved: ResolvedDaemon, asked: Engine
) -> None:
    machine = asked.machine
    eventually(lambda: ask(machine, STUB, "db.shop_default", "A"), ["NOERROR", "10.82.0.9"])
    eventually(lambda: ask(machine, STUB, "web.shop.docker.internal", "A"), ["NOERROR", "10.81.0.9"])
    assert ask(machine, STUB, "no.shop_default", "A") == ["NXDOMAIN"]
    # What may be somebody else's is asked of somebody else.
    assert ask(machine, STUB, "web.shop", "A") == ["NOERROR", ELSEWHERE]
    assert ask(machine, STUB, "example.org", "A") == ["NOERROR", ELSEWHERE]

    resolved.stop()
    resolved.start()
    eventually(lambda: ask(machine, STUB, "db.shop_default", "A"), ["NOERROR", "10.82.0.9"])

    asked.docker("rm", "-f", "db")
    asked.docker("network", "rm", "shop_default")
    eventually(lambda: ask(machine, STUB, "db.shop_default", "A"), ["NOERROR", ELSEWHERE])


def test_no_container_is_told_by_systemd_resolved_of_a_network_that_is_not_its_own(
    resolved: ResolvedDaemon, asked: Engine, tmp_path: Path
) -> None:
    (tmp_path / "resolv.conf").write_text(f"nameserver {STUB}\n")
    asked.machine.host.run("mount", "--bind", str(tmp_path / "resolv.conf"), "/etc/resolv.conf")
    eventually(lambda: ask(asked.machine, STUB, "db.shop_default", "A"), ["NOERROR", "10.82.0.9"])

    assert dig(asked, "web", "example.org", "A") == [ELSEWHERE]
    assert dig(asked, "web", "db.shop_default", "A") == []
    assert dig(asked, "web", "db.shop_default.docker.internal", "A") == []


def test_where_the_option_is_given_up_systemd_resolved_asks_us_no_more(resolved: ResolvedDaemon, asked: Engine) -> None:
    eventually(lambda: "~shop.docker.internal" in resolved.command("domain"), True)
    asked.stop()
    asked.flags = ()
    asked.start()

    eventually(lambda: "shop" in resolved.command("domain"), False)
    assert ask(asked.machine, STUB, "db.shop_default", "A") == ["NOERROR", ELSEWHERE]
