"""The netwright command line against the running engine, and beside the docker command line on the same engine."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import tarfile
import termios
from pathlib import Path

import pytest
from machine import NETWRIGHT, Engine

pytestmark = pytest.mark.parametrize("running", ["nftables"], indirect=True)
"""One firewall is enough here: the command line does not know which one it is."""

IMAGE = "busybox:latest"


@pytest.fixture
def web(engine: Engine) -> Engine:
    """Run a web server on the engine, published and labelled."""
    engine.netwright(
        "run", "-d", "--name", "web", "-p", "8080:80", "-p", "127.0.0.1:8443:443/udp", "--label", "tier=front",
        IMAGE, "httpd", "-f", "-h", "/www",
    )  # fmt: skip
    return engine


@pytest.mark.parametrize(
    "words",
    [
        ["ps"],
        ["ps", "-a", "--no-trunc"],
        ["ps", "-aq", "-f", "label=tier=front"],
        ["ps", "--format", 'table {{.Names}}\\t{{.Ports}}\\t{{.Label "tier"}}'],
        ["ps", "--format", "{{.ID}} {{.Image}} {{.Command}} {{.State}} {{.Networks}} {{.Labels}}"],
        ["images"],
        ["images", "-q"],
        ["network", "ls"],
        ["network", "ls", "--no-trunc", "-f", "driver=bridge"],
        ["network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}} {{.IPv4}} {{.IPv6}} {{.Internal}}"],
        ["volume", "ls"],
        ["port", "web"],
        ["port", "web", "80/tcp"],
        ["port", "web", "443"],
        ["inspect", "-f", "{{.Name}} {{.Config.Labels}} {{json .HostConfig.RestartPolicy}}", "web"],
        ["inspect", "-f", '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "web"],
        ["inspect", "-f", "{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.IPAddress}}{{end}}", "web"],
        ["network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}", "bridge"],
        ["network", "inspect", "none-such"],
        ["container", "inspect", "none-such"],
        ["stop", "none-such"],
        ["exec", "web", "sh", "-c", "echo out; echo err >&2; exit 3"],
        ["exec", "none-such", "true"],
        ["wait", "none-such"],
        ["network", "rm", "bridge"],
        ["network", "connect", "none-such", "web"],
        ["network", "ls", "--format", "json"],
        ["network", "ls", "--format", "table {{.Internal}}\\t{{.CreatedAt}}\\t{{.Labels}}\\t{{.Name}}"],
        ["network", "ls", "-q", "--no-trunc", "-f", "type=builtin"],
        ["network", "ls", "-f", "dangling=maybe"],
        ["network", "inspect", "-v", "-f", "{{.Driver}}", "bridge", "none-such"],
        ["network", "create", "--subnet", "bad", "x"],
        ["network", "create", "--gateway", "10.2.0.1", "x"],
        ["network", "create", "--subnet", "10.1.0.0/24", "--gateway", "10.2.0.1", "x"],
        ["network", "create", "--subnet", "10.1.0.0/24", "--ip-range", "bad", "x"],
        ["network", "create", "--subnet", "10.1.0.0/24", "--aux-address", "a", "x"],
        ["network", "create", "--subnet", "10.1.0.0/24", "--subnet", "10.1.0.0/25", "x"],
        ["network", "create", "--config-only", "--internal", "x"],
        ["network", "connect", "--ip", "172.17.0.9", "--alias", "q", "bridge", "web"],
        ["network", "disconnect", "-f", "bridge", "ghost"],
        ["network", "rm", "-f", "none-such"],
        ["network", "prune", "-f", "--filter", "nome=x"],
    ],
    ids=" ".join,
)
def test_both_command_lines_say_the_same(web: Engine, words: list[str]) -> None:
    ours = web.netwright(*words, check=False)
    docker = web.docker(*words, check=False)

    assert (ours.returncode, _timeless(ours.stdout)) == (docker.returncode, _timeless(docker.stdout))
    assert ours.stderr.strip() == docker.stderr.removesuffix("exit status 1\n").strip()


def _timeless(text: str) -> str:
    """Return an output without how long ago things were: the second of two commands comes later.

    How wide such a column is depends on what stands in it.
    """
    text = re.sub(r"(?:Less than a second|\d+ seconds?)( ago)? *", "some time ", text)
    return re.sub(r"(CREATED|STATUS) +", r"\1 ", text).strip()


def test_what_one_makes_the_other_sees_alike(engine: Engine) -> None:
    """The same flags make the same container, whichever command line is used."""
    flags = [
        "-p", "8080-8082:80-82", "-p", "[::1]::53/udp", "--expose", "90", "-e", "A=b", "-w", "/tmp", "-u", "web",
        "--add-host", "gw:host-gateway", "--dns", "192.0.2.53", "--dns-search", "example.test", "-h", "box",
        "--tmpfs", "/t:size=1m", "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--sysctl", "net.ipv4.ip_forward=1",
        "-m", "64m", "--cpus", "0.5", "--label", "a=b", "--restart", "on-failure:2", "--read-only", "--init",
        "--stop-signal", "INT", "--stop-timeout", "3", "--ulimit", "nofile=100:200", "--entrypoint", "sh", "-it",
    ]  # fmt: skip
    shown = []
    for make in (engine.netwright, engine.docker):
        make("create", "--name", "twin", *flags, IMAGE, "-c", "true")
        found = json.loads(engine.netwright("inspect", "twin").stdout)[0]
        host = {key: value for key, value in found["HostConfig"].items() if key not in _FILLED_BY_DOCKER}
        shown.append((found["Config"], host, sorted(found["NetworkSettings"]["Networks"])))
        engine.netwright("rm", "twin")

    assert shown[0] == shown[1]


_FILLED_BY_DOCKER = frozenset({"MemorySwappiness", "ConsoleSize", "LogConfig"})
"""Docker's command line sends its own defaults of these."""


def test_the_exit_code_and_both_streams_come_back(engine: Engine) -> None:
    done = engine.netwright("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7", check=False)

    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_what_goes_in_comes_out_again(engine: Engine) -> None:
    text = "".join(f"line {number}\n" for number in range(50_000))

    assert engine.netwright("run", "-i", "--rm", IMAGE, "cat", stdin=text).stdout == text


@pytest.mark.parametrize(("command", "code"), [("no-such-program", 127), ("/etc", 126)])
def test_what_cannot_be_run_ends_with_dockers_codes(engine: Engine, command: str, code: int) -> None:
    assert engine.netwright("run", "--rm", IMAGE, command, check=False).returncode == code


def test_a_port_that_is_taken_ends_with_125(web: Engine) -> None:
    done = web.netwright("run", "-d", "-p", "8080:80", IMAGE, "true", check=False)

    assert done.returncode == 125
    assert "port is already allocated" in done.stderr


def test_files_go_in_and_come_back(web: Engine, tmp_path: Path) -> None:
    (tmp_path / "site" / "deep").mkdir(parents=True)
    (tmp_path / "site" / "deep" / "page").write_text("page\n")
    web.netwright("cp", str(tmp_path / "site"), "web:/tmp")
    web.netwright("cp", f"{tmp_path}/site/.", "web:/www")
    web.netwright("cp", "web:/tmp/site", str(tmp_path / "back"))
    web.netwright("cp", "web:/www/deep/page", str(tmp_path / "single"))

    assert web.netwright("exec", "web", "cat", "/tmp/site/deep/page").stdout == "page\n"
    assert (tmp_path / "back" / "deep" / "page").read_text() == "page\n"
    assert (tmp_path / "single").read_text() == "page\n"


def test_an_image_can_be_made_from_what_cp_gives(web: Engine, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hello\n")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "hello", arcname="hello")
    web.netwright("import", "-c", 'LABEL made="here"', str(tmp_path / "a.tar"), "made:1")

    assert "here" in web.netwright("image", "inspect", "-f", "{{.Config.Labels.made}}", "made:1").stdout
    assert "Untagged: made:1" in web.netwright("rmi", "made:1").stdout


def test_logs_follow_to_the_end(engine: Engine) -> None:
    engine.netwright("run", "-d", "--name", "talk", IMAGE, "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done")

    assert engine.netwright("logs", "-f", "talk").stdout == "1\n2\n3\n"
    assert engine.netwright("logs", "-n", "1", "talk").stdout == "3\n"


def test_events_tell_of_networks(web: Engine) -> None:
    web.netwright("network", "create", "back")
    web.netwright("network", "connect", "back", "web")
    said = web.netwright("events", "--since", "1m", "--until", "0s", "-f", "network=back", "--format", "{{.Action}}")

    assert said.stdout.split() == ["create", "connect"]


def test_a_signal_reaches_the_process(engine: Engine) -> None:
    script = 'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done'
    command = [str(NETWRIGHT), "-H", f"unix://{engine.socket}", "run", "--rm", IMAGE, "sh", "-c", script]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as output:
        assert output.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)

        assert process.wait(15) == 5


def test_a_terminal_has_its_size_and_is_left_by_keys(engine: Engine) -> None:
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (33, 101))
    before = termios.tcgetattr(inner)
    command = [str(NETWRIGHT), "-H", f"unix://{engine.socket}", "run", "-it", "--name", "shell", IMAGE]
    process = subprocess.Popen(
        [*command, "sh", "-c", "stty size; cat"], stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    )
    seen = b""
    while b"33 101" not in seen:
        assert select.select([outer], [], [], 15)[0], seen
        seen += os.read(outer, 1000)
    os.write(outer, b"\x10\x11")

    assert process.wait(15) == 0
    assert termios.tcgetattr(inner) == before
    assert engine.netwright("inspect", "-f", "{{.State.Running}}", "shell").stdout == "true\n"
    os.close(inner)
    os.close(outer)
