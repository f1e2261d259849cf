"""The docker command line, unmodified, against the API in memory."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.api.fakes import FakeEngine, served

from netwright.model.container import Status

DOCKER = shutil.which("docker")

pytestmark = pytest.mark.skipif(DOCKER is None, reason="the docker command line is not installed")

INPUT = os.urandom(3 << 20)


@dataclass(frozen=True)
class Outcome:
    """What a command said, and how it ended."""

    code: int
    output: bytes
    errors: str

    @property
    def lines(self) -> list[str]:
        return self.output.decode().splitlines()


class Cli:
    """Runs docker against a socket; `version` binds it to one version of the API."""

    def __init__(self, path: Path) -> None:
        self._environment = {**os.environ, "DOCKER_HOST": f"unix://{path}", "DOCKER_CONFIG": str(path.parent)}

    async def __call__(self, *words: str, data: bytes = b"", version: str = "") -> Outcome:
        environment = {**self._environment, **({"DOCKER_API_VERSION": version} if version else {})}
        process = await asyncio.create_subprocess_exec(
            str(DOCKER),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        output, errors = await asyncio.wait_for(process.communicate(data), 20)
        assert process.returncode is not None
        return Outcome(process.returncode, output, errors.decode())


@pytest.fixture
async def docker(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Cli]:
    async with served(engine, tmp_path / "s"):
        yield Cli(tmp_path / "s")
        for row in engine.containers.list():
            if row.state.status is Status.RUNNING:
                await engine.containers.kill(row.id)


@pytest.mark.parametrize("version", ["", "1.41", "1.44"])
async def test_run_shows_both_outputs_and_the_exit_code(docker: Cli, version: str) -> None:
    shown = await docker("run", "--rm", "busybox", "echo", "out", "!err", version=version)
    assert (shown.code, shown.output, shown.errors) == (0, b"out\n", "!err\n")

    assert (await docker("run", "busybox", "exit", "7", version=version)).code == 7


async def test_run_and_exec_pass_input_through_unharmed(docker: Cli) -> None:
    assert (await docker("run", "-i", "--rm", "busybox", "cat", data=INPUT)).output == INPUT

    await docker("run", "-d", "--name", "web", "busybox", "sleep")
    assert (await docker("exec", "-i", "web", "cat", data=INPUT)).output == INPUT
    assert (await docker("exec", "web", "exit", "3")).code == 3


async def test_ps_and_port_show_what_is_published(docker: Cli) -> None:
    await docker("run", "-d", "--name", "web", "-p", "8080:80", "--expose", "90/udp", "busybox", "sleep")

    shown = await docker("ps", "--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.Ports}}|{{.Status}}|{{.Networks}}")
    assert shown.lines == ['web|busybox|"sleep"|90/udp, 0.0.0.0:8080->80/tcp|Up Less than a second|bridge']
    assert (await docker("port", "web")).lines == ["80/tcp -> 0.0.0.0:8080"]


async def test_a_container_is_stopped_logged_and_removed(docker: Cli) -> None:
    await docker("run", "-d", "--name", "web", "busybox", "sleep")
    await docker("run", "--name", "talk", "busybox", "echo", "a", "!b")

    logs = await docker("logs", "--tail", "all", "talk")
    assert (logs.output, logs.errors) == (b"a\n", "!b\n")
    assert (await docker("stop", "-t", "1", "web")).lines == ["web"]
    assert (await docker("ps", "-aq", "--filter", "status=exited")).output.count(b"\n") == 2
    assert (await docker("rm", "web", "talk")).lines == ["web", "talk"]


async def test_networks_are_listed_made_joined_inspected_and_removed(docker: Cli) -> None:
    assert (await docker("network", "ls", "--format", "{{.Name}} {{.Driver}}")).lines == [
        "bridge bridge",
        "host host",
        "none null",
    ]
    assert (await docker("network", "create", "--subnet", "10.7.0.0/16", "--label", "a=b", "mine")).code == 0
    await docker("run", "-d", "--name", "web", "--network", "mine", "--network-alias", "www", "busybox", "sleep")
    template = "{{(index .IPAM.Config 0).Subnet}} {{range .Containers}}{{.Name}}{{end}} {{.Labels}}"
    assert (await docker("network", "inspect", "-f", template, "mine")).lines == ["10.7.0.0/16 web map[a:b]"]
    names = await docker("inspect", "-f", "{{json .NetworkSettings.Networks.mine.Aliases}}", "web")
    assert names.lines == ['["www"]']
    assert (await docker("network", "connect", "bridge", "web")).code == 0
    assert (await docker("network", "disconnect", "bridge", "web")).code == 0
    refused = await docker("network", "rm", "mine")
    assert (refused.code, "has active endpoints" in refused.errors) == (1, True)


async def test_what_is_nowhere_is_no_object(docker: Cli) -> None:
    shown = await docker("inspect", "nothing")

    assert (shown.code, shown.lines) == (1, ["[]"])
    assert "No such object: nothing" in shown.errors


async def test_what_is_absent_says_so(docker: Cli) -> None:
    await docker("run", "-d", "--name", "web", "busybox", "sleep")

    for words in (("pause", "web"), ("top", "web"), ("diff", "web"), ("swarm", "init"), ("search", "x")):
        shown = await docker(*words)
        assert shown.code == 1
        assert "not supported" in shown.errors


async def test_version_and_info_are_shown(docker: Cli) -> None:
    assert (await docker("version", "-f", "{{.Server.APIVersion}} {{.Server.Platform.Name}}")).lines == [
        "1.52 Netwright"
    ]
    shown = await docker("info")
    assert shown.code == 0
    assert "Storage Driver: overlay2" in shown.output.decode()
    assert "WARNING" not in shown.errors


async def test_events_are_shown(docker: Cli, engine: FakeEngine) -> None:
    engine.say("network", "create", "n1", {"name": "mine"})
    engine.say("network", "destroy", "n1", {"name": "mine"})

    words = ("--since", "1", "--until", "0s", "--filter", "event=create", "--format", "{{.Type}} {{.Action}}")
    assert (await docker("events", *words)).lines == ["network create"]


async def test_images_are_pulled_loaded_and_imported(docker: Cli) -> None:
    assert (await docker("pull", "-q", "busybox")).lines == ["docker.io/library/busybox:latest"]
    assert "pull access denied" in (await docker("pull", "nothing")).errors
    assert (await docker("load", data=b"12345")).lines == ["Loaded image: of5:latest"]
    assert (await docker("import", "-", "mine:1", data=b"tar")).lines == ["sha256:" + "cd" * 32]
    assert sorted((await docker("images", "--format", "{{.Repository}}:{{.Tag}}")).lines) == [
        "busybox:latest",
        "mine:1",
    ]


async def test_files_are_copied_both_ways(docker: Cli, engine: FakeEngine, tmp_path: Path) -> None:
    await docker("run", "-d", "--name", "web", "busybox", "sleep")

    assert (await docker("cp", "web:/etc/hostname", str(tmp_path / "taken"))).code == 0
    assert (tmp_path / "taken").read_text() == "web1\n"
