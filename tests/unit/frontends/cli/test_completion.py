import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import absent, netwright


@pytest.fixture
def named(engine: FakeEngine) -> FakeEngine:
    containers = [{"Names": ["/web"], "Image": "busybox", "Status": "Up"}, {"Names": ["/worker"], "Image": "b"}]
    engine.on("GET /containers/json", Answer(json=containers))
    engine.on("GET /networks", Answer(json=[{"Name": "back", "Driver": "bridge"}, {"Name": "host", "Driver": "host"}]))
    engine.on("GET /images/json", Answer(json=[{"RepoTags": ["busybox:latest", "<none>:<none>"]}]))
    engine.on("GET /volumes", Answer(json={"Volumes": [{"Name": "data"}]}))
    return engine


def offered(engine: FakeEngine, *words: str) -> list[str]:
    """Return what is offered for the last of the words."""
    return [line.partition("\t")[0] for line in netwright(engine, "__complete", *words).lines]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["netw"], ["network"]),
        (["--hos"], ["--host"]),
        (["network", "con"], ["connect"]),
        (["stop", "w"], ["web", "worker"]),
        (["stop", "web", ""], ["web", "worker"]),
        (["rm", "--fo"], ["--force"]),
        (["run", "bus"], ["busybox:latest"]),
        (["run", "-d", "--network", ""], ["back", "host", "none"]),
        (["run", "--network=ba"], ["--network=back"]),
        (["run", "--pull", "n"], ["never"]),
        (["run", "-v", "d"], ["data"]),
        (["run", "-v", "/et"], [":files"]),
        (["run", "busybox", "-"], []),
        (["rename", "web", ""], []),
        (["network", "connect", "back", "we"], ["web"]),
        (["network", "disconnect", "b"], ["back"]),
        (["volume", "rm", ""], ["data"]),
        (["kill", "-s", "H"], ["HUP"]),
        (["load", "-i", ""], [":files"]),
        (["completion", "z"], ["zsh"]),
        (["daemon", "--fixed-cidr"], ["--fixed-cidr", "--fixed-cidr-v6"]),
        (["daemon", "--config-file", "/et"], [":files"]),
        (["inspect", "b"], ["busybox:latest", "back"]),
        (["ps", "--nonsense", ""], []),
    ],
)
def test_what_may_follow_is_offered(named: FakeEngine, words: list[str], found: list[str]) -> None:
    assert offered(named, *words) == found


def test_without_an_engine_commands_and_flags_are_offered_still(tmp_path: Path) -> None:
    host = ("-H", absent(tmp_path))

    assert netwright(None, *host, "__complete", "stop", "").out == ""
    assert netwright(None, *host, "__complete", "vers").lines[0].startswith("version\t")


def test_a_candidate_comes_with_what_it_means(named: FakeEngine) -> None:
    assert netwright(named, "__complete", "stop", "web").out == "web\tbusybox, Up\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    assert "netwright __complete" in netwright(None, "completion", shell).out


def complete_in_bash(words: str, candidates: Sequence[str], folder: Path) -> list[str]:
    """Press tab in a bash whose `netwright` answers with these candidates."""
    script = netwright(None, "completion", "bash").out
    (folder / "netwright").write_text("#!/bin/sh\n" + "".join(f"printf '%b\\n' '{line}'\n" for line in candidates))
    (folder / "netwright").chmod(0o755)
    program = (
        f"{script}\nCOMP_LINE='{words}'\nCOMP_POINT=${{#COMP_LINE}}\n_netwright\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_takes_names_without_their_meaning(tmp_path: Path) -> None:
    assert complete_in_bash("netwright stop w", ["web\\tbusybox", "worker"], tmp_path) == ["web", "worker"]


def test_bash_does_not_repeat_what_stands_before_an_equals_sign_or_colon(tmp_path: Path) -> None:
    assert complete_in_bash("netwright run --network=ba", ["--network=back"], tmp_path) == ["back"]
    assert complete_in_bash("netwright run busybox:l", ["busybox:latest"], tmp_path) == ["latest"]
