"""Names inside containers, asked with real resolvers: busybox's, glibc's, musl's and dig."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import BACKENDS
from machine import HOST_PYTHON, PEERS, ROOT, Engine, Machine

IMAGE = "busybox:latest"
SLEEP = (IMAGE, "sleep", "1000")

LIBRARIES = {"LD_LIBRARY_PATH": str(PEERS / "usr/lib/x86_64-linux-gnu")}

UPSTREAM = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print(flush=True)
while True:
    query, sender = s.recvfrom(4096)
    end = 12
    while query[end]:
        end += query[end] + 1
    record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + socket.inet_aton(sys.argv[2])
    known = query[end + 1 : end + 3] == b"\\0\\1"
    head = b"\\x81\\x80\\0\\1\\0" + bytes((known,)) + b"\\0\\0\\0\\0"
    s.sendto(query[:2] + head + query[12 : end + 5] + (record if known else b""), sender)
"""
"""A name server that knows one address for every name."""


def pid_of(engine: Engine, container: str) -> str:
    return engine.docker("inspect", "--format", "{{.State.Pid}}", container).stdout.strip()


def inside(engine: Engine, container: str, *argv: str) -> str:
    """Run a program of this machine in a container's network, with copies of the container's resolv.conf and hosts."""
    pid = pid_of(engine, container)
    for name in ("resolv.conf", "hosts"):
        text = engine.docker("exec", container, "cat", f"/etc/{name}").stdout
        (engine.folder / f"{container}-{name}").write_text(text)
    mounts = [f"mount --bind {engine.folder}/{container}-{name} /etc/{name}" for name in ("resolv.conf", "hosts")]
    script = " && ".join([*mounts, 'exec "$@"'])
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", "unshare", "-m", "sh", "-c", script, "sh", *argv]
    environment = {**os.environ, **LIBRARIES}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert not done.stderr, done.stderr
    return done.stdout


def dig(engine: Engine, container: str, *argv: str) -> list[str]:
    return inside(engine, container, str(PEERS / "usr/bin/dig"), "+short", *argv).split()


@pytest.fixture(scope="session")
def by_musl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a program that looks names up with musl's resolver, and that runs in any container."""
    program = tmp_path_factory.mktemp("musl") / "look_up"
    compiler, libraries = PEERS / "usr/lib/x86_64-linux-gnu/tcc", PEERS / "usr/lib/x86_64-linux-musl"
    flags = ["-static", "-nostdinc", "-nostdlib", f"-B{compiler}", f"-I{PEERS}/usr/include/x86_64-linux-musl"]
    source = Path(__file__).with_name("look_up.c")
    parts = [libraries / "crt1.o", libraries / "crti.o", source, libraries / "libc.a", compiler / "libtcc1.a"]
    command = [PEERS / "usr/bin/tcc", *flags, "-o", program, *parts, libraries / "crtn.o"]
    subprocess.run(list(map(str, command)), check=True)
    return program


def test_neighbours_are_found_by_every_name_they_have(engine: Engine, by_musl: Path) -> None:
    engine.docker("network", "create", "--subnet", "10.81.0.0/24", "one")
    ran = engine.docker(
        "run", "-d", "--name", "web", "--hostname", "wonder", "--network", "one", "--network-alias", "www",
        "--network-alias", "*.app.test", "--ip", "10.81.0.9", *SLEEP,
    )  # fmt: skip
    linked = ("--link", "web:Linked", "-v", f"{by_musl}:/look_up:ro")
    engine.docker("run", "-d", "--name", "asker", "--network", "one", *linked, *SLEEP)
    names = ["web", "WEB", "www", "wonder", ran.stdout[:12], "web.one", "any.app.test", "Linked"]
    script = ";".join(f"nslookup -type=a {name} | grep -c 'Address: 10.81.0.9'" for name in names)

    by_busybox = engine.docker("exec", "asker", "sh", "-c", script).stdout
    looked_up = engine.docker("exec", "asker", "/look_up", *names, "no.such.name").stdout.splitlines()
    by_glibc = [inside(engine, "asker", "getent", "ahostsv4", name).split()[:1] for name in names]
    by_dig = [dig(engine, "asker", *options, "web", "A") for options in ((), ("+tcp",), ("+noedns",))]
    pinged = engine.docker("exec", "asker", "ping", "-c1", "-W2", "web").stdout
    reverse = dig(engine, "asker", "-x", "10.81.0.9")
    engine.docker("rename", "web", "spider")
    renamed = dig(engine, "asker", "spider", "A")

    assert by_busybox.split() == ["1"] * len(names)
    assert looked_up == [*(f"{name} 10.81.0.9" for name in names), "Try again"]
    assert by_glibc == [["10.81.0.9"]] * len(names)
    assert by_dig == [["10.81.0.9"]] * 3
    assert "1 packets received" in pinged
    assert reverse == ["web.one."]
    assert renamed == ["10.81.0.9"]


def test_containers_that_start_at_once_are_answered_from_their_first_instruction_on(
    engine: Engine, tmp_path: Path
) -> None:
    engine.docker("network", "create", "--internal", "--subnet", "10.81.0.0/24", "one")
    engine.docker("run", "-d", "--name", "anchor", "--network", "one", "--ip", "10.81.0.9", *SLEEP)
    crowd = [f"c{number}" for number in range(8)]
    mounts = [*HOST_PYTHON, "-v", f"{ROOT}/bench/crowd_inside.py:/crowd.py:ro", "-v", f"{tmp_path}:/out"]
    for number, name in enumerate(crowd, 10):
        program = ("/usr/bin/python3", "-I", "-S", "/crowd.py", f"/out/{name}", name, *(["anchor"] * 19))
        address = ("--network", "one", "--ip", f"10.81.0.{number}")
        engine.docker("create", "--name", name, *address, *mounts, IMAGE, *program)

    with ThreadPoolExecutor(len(crowd)) as pool:
        assert list(pool.map(lambda name: engine.call("POST", f"/containers/{name}/start")[0], crowd)) == [204] * 8
    deadline = time.monotonic() + 60
    while not all((tmp_path / name).exists() for name in crowd):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.02)

    wanted = {"anchor": "10.81.0.9"} | {name: f"10.81.0.{number}" for number, name in enumerate(crowd, 10)}
    asked = [tuple(row) for name in crowd for row in json.loads((tmp_path / name).read_text())]
    said = {(name, kind, code, address) for name, kind, _, _, code, address in asked}
    assert len(asked) == 8 * 20 * 2
    assert said == {(name, kind, 0, wanted[name] if kind == "A" else "") for name in wanted for kind in ("A", "AAAA")}


def test_names_follow_connecting_and_disconnecting(engine: Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.81.0.0/24", "one")
    engine.docker("run", "-d", "--name", "web", *SLEEP)
    engine.docker("run", "-d", "--name", "asker", *SLEEP)
    before = engine.docker("exec", "asker", "cat", "/etc/resolv.conf").stdout

    engine.docker("network", "connect", "--ip", "10.81.0.9", "--alias", "www", "one", "web")
    engine.docker("network", "connect", "one", "asker")
    joined = [inside(engine, "asker", "getent", "hosts", name).split()[:1] for name in ("web", "www")]
    engine.docker("network", "disconnect", "one", "web")
    left = inside(engine, "asker", "getent", "hosts", "www")
    hosts = [engine.docker("exec", "web", "cat", "/etc/hosts").stdout]
    engine.docker("network", "connect", "--ip", "10.81.0.9", "one", "web")
    hosts.append(engine.docker("exec", "web", "cat", "/etc/hosts").stdout)

    assert "nameserver 127.0.0.11" not in before
    assert joined == [["10.81.0.9"]] * 2
    assert left == ""
    assert ["10.81.0.9" in text for text in hosts] == [False, True]


def test_a_resolv_conf_that_somebody_has_changed_stays_as_it_is(engine: Engine) -> None:
    engine.docker("network", "create", "one")
    engine.docker("run", "-d", "--name", "own", *SLEEP)
    engine.docker("exec", "own", "sh", "-c", "echo nameserver 192.0.2.99 > /etc/resolv.conf")
    engine.docker("network", "connect", "one", "own")

    assert engine.docker("exec", "own", "cat", "/etc/resolv.conf").stdout == "nameserver 192.0.2.99\n"


@pytest.fixture(params=BACKENDS)
def asking(request: pytest.FixtureRequest, machine: Machine, tmp_path: Path, image_tar: Path) -> Iterator[Engine]:
    """Start an engine on a host whose resolv.conf names a server of the host's own."""
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    machine.host.run("mount", "--bind", str(conf), "/etc/resolv.conf")
    server = ["/usr/bin/python3", "-I", "-c", UPSTREAM]
    servers = []
    flags = (f"--firewall-backend={request.param}", "--default-bridge-names", "--dns-ttl=7")
    engine = Engine(machine, tmp_path, *flags)
    try:
        for address, answer in (
            ("127.0.0.1", "192.0.2.101"),
            ("127.0.0.2", "192.0.2.102"),
            ("192.0.2.1", "192.0.2.103"),
        ):
            servers.append(
                subprocess.Popen(machine.host.enter(*server, address, answer), stdout=subprocess.PIPE, text=True)
            )
            assert servers[-1].stdout is not None
            servers[-1].stdout.readline()
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        yield engine
    finally:
        engine.close()
        for process in servers:
            process.terminate()
            process.communicate()


def test_other_names_are_asked_of_the_right_servers_from_the_right_place(asking: Engine) -> None:
    asking.docker("network", "create", "open")
    asking.docker("network", "create", "--internal", "closed")
    for name, flags in {
        "hosts": ["--network", "open"],
        "own": ["--network", "open", "--dns", "192.0.2.1"],
        "loop": ["--network", "open", "--dns", "127.0.0.1"],
        "shut": ["--network", "closed"],
        "plain": [],
    }.items():
        asking.docker("run", "-d", "--name", name, *flags, *SLEEP)

    said = {name: dig(asking, name, "example.org", "A") for name in ("hosts", "own", "plain")}
    shut = {name: inside(asking, name, str(PEERS / "usr/bin/dig"), "example.org") for name in ("shut", "loop")}
    (asking.folder / "resolv.conf").write_text("nameserver 127.0.0.2\n")
    changed = dig(asking, "hosts", "example.org", "A")
    neighbour = dig(asking, "plain", "plain", "A")
    host = dig(asking, "hosts", "host.docker.internal", "A")
    gateway = dig(asking, "hosts", "gateway.docker.internal", "A")
    ttl = inside(asking, "hosts", str(PEERS / "usr/bin/dig"), "+noall", "+answer", "hosts", "A").split()[1]

    assert said == {"hosts": ["192.0.2.101"], "own": ["192.0.2.103"], "plain": ["192.0.2.101"]}
    assert all("status: SERVFAIL" in text for text in shut.values())
    assert changed == ["192.0.2.102"]
    assert len(neighbour) == 1
    assert ttl == "7"
    gateways = "{{(index .IPAM.Config 0).Gateway}}"
    assert host == [asking.docker("network", "inspect", "-f", gateways, "bridge").stdout.strip()]
    assert gateway == [asking.docker("network", "inspect", "-f", gateways, "open").stdout.strip()]


def test_no_query_is_lost_over_a_kill_of_the_engine(asking: Engine, tmp_path: Path) -> None:
    asking.docker("network", "create", "one")
    asking.docker("run", "-d", "--name", "web", "--network", "one", *SLEEP)
    (tmp_path / "names").write_text("web A\nweb.one A\nexample.org A\n")
    dnsperf = [str(PEERS / "usr/bin/dnsperf"), "-s", "127.0.0.11", "-d", str(tmp_path / "names"), "-Q", "2000"]
    load = subprocess.Popen(
        ["nsenter", f"--net=/proc/{pid_of(asking, 'web')}/ns/net", *dnsperf],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **LIBRARIES},
    )
    asking.kill()
    asking.start()
    asking.docker("run", "-d", "--name", "late", "--network", "one", *SLEEP)
    late = dig(asking, "web", "late", "A")
    load.send_signal(signal.SIGINT)
    said, _ = load.communicate(timeout=60)

    assert "Queries lost:         0 (0.00%)" in said
    assert "NOERROR" in said
    assert "SERVFAIL" not in said
    assert len(late) == 1
