"""Published ports, with real packets: from outside, the host, loopback and containers; and what is closed."""

import subprocess

import pytest
from machine import HOST4, HOST4_SECOND, HOST6, HOST_PYTHON, OUTSIDE4, Engine, Namespaces

IMAGE = "busybox:latest"
SERVER = ("httpd", "-f", "-h", "/www")

UDP_ECHO = (
    "import socket\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))\n"
    "while True:\n"
    "    data, peer = s.recvfrom(2000); s.sendto(data, peer)\n"
)


def fetch(where: Namespaces, address: str, port: int) -> str | None:
    """Return what a web server answers, or None where it does not; one that just starts gets a second to begin."""
    patience = ("--retry", "8", "--retry-connrefused", "--retry-delay", "0", "--retry-max-time", "1", "-m", "2")
    done = where.run("curl", "-sS", *patience, f"http://{address}:{port}/", check=False)
    return done.stdout if done.returncode == 0 else None


def echoed(where: Namespaces, address: str, port: int, word: str) -> str:
    """Send datagrams until one is answered, and return the answer, or an empty text after five seconds."""
    script = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.settimeout(0.2)\n"
        "s.connect((sys.argv[1], int(sys.argv[2])))\n"
        "for _ in range(25):\n"
        "    try:\n"
        "        s.send(sys.argv[3].encode()); print(s.recv(100).decode(), end=''); break\n"
        "    except OSError: pass\n"
    )
    return where.run("/usr/bin/python3", "-c", script, address, str(port), word, check=False).stdout


def serve(engine: Engine, *flags: str) -> str:
    """Start a web server and return the container's id."""
    return engine.docker("run", "-d", *flags, IMAGE, *SERVER).stdout.strip()


def test_a_published_port_is_reached_from_everywhere(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    host, outside = engine.machine.host, engine.machine.outside

    reached = {
        "outside": fetch(outside, HOST4, 8080),
        "outside, second address": fetch(outside, HOST4_SECOND, 8080),
        "outside, IPv6": fetch(outside, f"[{HOST6}]", 8080),
        "host's address": fetch(host, HOST4, 8080),
        "host's IPv6 address": fetch(host, f"[{HOST6}]", 8080),
        "loopback": fetch(host, "127.0.0.1", 8080),
        "IPv6 loopback": fetch(host, "[::1]", 8080),
    }

    assert reached == dict.fromkeys(reached, "hello\n")


def test_containers_reach_a_published_port_through_the_hosts_address(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    engine.docker("network", "create", "other")
    url = f"http://{HOST4}:8080/"

    itself = engine.docker("exec", "web", "wget", "-q", "-O", "-", url, check=False)
    neighbour = engine.docker("run", "--rm", IMAGE, "wget", "-q", "-O", "-", url, check=False)
    stranger = engine.docker("run", "--rm", "--network", "other", IMAGE, "wget", "-q", "-O", "-", url, check=False)

    assert (itself.stdout, neighbour.stdout, stranger.stdout) == ("hello\n", "hello\n", "hello\n")


def test_datagrams_are_published_too(engine: Engine) -> None:
    engine.docker("run", "-d", *HOST_PYTHON, "-p", "5353:53/udp", IMAGE, "/usr/bin/python3", "-c", UDP_ECHO)

    from_outside = echoed(engine.machine.outside, HOST4, 5353, "ping")

    assert from_outside == "ping"


@pytest.mark.parametrize("address", ["127.0.0.1", HOST4])
def test_datagrams_from_the_host_itself_are_answered(engine: Engine, address: str) -> None:
    engine.docker("run", "-d", *HOST_PYTHON, "-p", "5353:53/udp", IMAGE, "/usr/bin/python3", "-c", UDP_ECHO)

    assert echoed(engine.machine.host, address, 5353, "ping") == "ping"


def test_a_port_published_on_one_address_is_on_no_other(engine: Engine) -> None:
    serve(engine, "-p", f"{HOST4_SECOND}:8080:80")

    assert fetch(engine.machine.outside, HOST4_SECOND, 8080) == "hello\n"
    assert fetch(engine.machine.outside, HOST4, 8080) is None
    assert fetch(engine.machine.host, "127.0.0.1", 8080) is None


def test_a_port_published_on_loopback_stays_there(engine: Engine) -> None:
    serve(engine, "-p", "127.0.0.1:8080:80", "-p", "[::1]:8081:80")
    outside = engine.machine.outside
    outside.run("ip", "route", "replace", "127.0.0.1/32", "via", HOST4, "table", "main", check=False)

    assert fetch(engine.machine.host, "127.0.0.1", 8080) == "hello\n"
    assert fetch(engine.machine.host, "[::1]", 8081) == "hello\n"
    assert fetch(outside, HOST4, 8080) is None
    assert fetch(outside, f"[{HOST6}]", 8081) is None


def test_ranges_random_ports_and_publish_all_show_in_docker_port(engine: Engine) -> None:
    serve(engine, "--name", "range", "-p", "9000-9002:80-82")
    serve(engine, "--name", "random", "-p", "80")
    serve(engine, "--name", "all", "-P", "--expose", "80", "--expose", "90/udp")
    serve(engine, "--name", "first-free", "-p", "9000-9005:80")

    ranged = engine.docker("port", "range", "81").stdout.splitlines()
    random = engine.docker("port", "random", "80/tcp").stdout.splitlines()
    everything = engine.docker("port", "all").stdout
    first_free = engine.docker("port", "first-free", "80").stdout.splitlines()

    assert ranged == ["0.0.0.0:9001", "[::]:9001"]
    number = int(random[0].rpartition(":")[2])
    assert 32768 <= number <= 60999
    assert random == [f"0.0.0.0:{number}", f"[::]:{number}"]
    assert fetch(engine.machine.outside, HOST4, number) == "hello\n"
    assert "80/tcp -> 0.0.0.0:" in everything
    assert "90/udp -> [::]:" in everything
    assert first_free == ["0.0.0.0:9003", "[::]:9003"]


def test_a_taken_port_is_refused_in_dockers_words_and_leaves_nothing(engine: Engine) -> None:
    serve(engine, "--name", "holder", "-p", "8080:80")

    second = engine.docker("run", "-d", "--name", "second", "-p", "8080:80", IMAGE, *SERVER, check=False)
    engine.docker("rm", "second")

    assert second.returncode == 125
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in second.stderr
    assert "holder" in second.stderr
    assert fetch(engine.machine.outside, HOST4, 8080) == "hello\n"


def test_a_port_that_another_program_has_is_refused(engine: Engine) -> None:
    script = (
        "import socket; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('', 8080)); s.listen()\n"
        "print(flush=True); input()\n"
    )
    program = Listener(engine, script)

    done = engine.docker("run", "-d", "--name", "late", "-p", "8080:80", IMAGE, *SERVER, check=False)
    program.end()
    engine.docker("start", "late")

    assert done.returncode == 125
    assert "failed to bind host port 0.0.0.0:8080/tcp: address already in use" in done.stderr
    assert fetch(engine.machine.outside, HOST4, 8080) == "hello\n"


def test_nobody_else_can_bind_a_published_port(engine: Engine) -> None:
    serve(engine, "-p", "8080:80")
    script = "import socket; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('127.0.0.1', 8080))"

    done = engine.machine.host.run("/usr/bin/python3", "-c", script, check=False)

    assert "Address already in use" in done.stderr


def test_unpublished_ports_and_container_addresses_are_closed_to_the_outside(engine: Engine) -> None:
    container = serve(engine, "-p", "8080:80")
    path = "{{.NetworkSettings.IPAddress}}"
    address = engine.docker("inspect", "-f", path, container).stdout.strip()

    # The neighbour routes to the container through the host, as any machine on the same wire could.
    engine.machine.outside.run("ip", "route", "replace", "172.16.0.0/12", "via", HOST4)

    assert fetch(engine.machine.outside, address, 80) is None
    assert fetch(engine.machine.host, address, 80) == "hello\n"


def test_a_container_sees_who_really_calls(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "log", "-p", "8080:80", IMAGE, "httpd", "-f", "-vv", "-h", "/www")

    fetch(engine.machine.outside, HOST4, 8080)
    fetch(engine.machine.outside, f"[{HOST6}]", 8080)
    engine.docker("stop", "-t", "0", "log")
    said = engine.docker("logs", "log").stderr

    assert OUTSIDE4 in said


def test_the_way_out_is_masqueraded(engine: Engine) -> None:
    listener = Listener(engine, OUTSIDE_ECHO, outside=True)

    said = engine.docker("run", "--rm", IMAGE, "nc", "-w", "2", "192.0.2.7", "7000").stdout
    listener.end()

    assert said.strip() == HOST4


def test_ports_are_ignored_with_a_warning_in_host_mode(engine: Engine) -> None:
    done = engine.docker("run", "--rm", "--network", "host", "-p", "8080:80", IMAGE, "true")

    assert "Published ports are discarded when using host network mode" in done.stderr


OUTSIDE_ECHO = (
    "import socket\n"
    "s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('', 7000)); s.listen(); print(flush=True)\n"
    "c, peer = s.accept(); c.send(peer[0].encode() + b'\\n'); c.close()\n"
)


class Listener:
    """A program that listens somewhere, known to be ready once constructed."""

    def __init__(self, engine: Engine, script: str, *, outside: bool = False) -> None:
        where = engine.machine.outside if outside else engine.machine.host
        self._process = subprocess.Popen(
            where.enter("/usr/bin/python3", "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def end(self) -> None:
        """End it and wait until it is gone."""
        self._process.communicate(b"\n", timeout=10)
