import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import absent, netwright

from netwright.frontends.cli.commands import GROUPS, TABLE, find, members


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.words)
def test_every_command_can_be_loaded_and_its_help_teaches_by_examples(entry: object) -> None:
    words = entry.words.split()  # type: ignore[attr-defined]  # an Entry
    result = netwright(None, *words, "--help")

    assert result.code == 0
    assert result.out.startswith(f"Usage:  netwright {' '.join(words)}")
    assert re.search(r"Examples:\n  # .+\n  netwright ", result.out)
    assert max(len(line) for line in result.lines) <= 130


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.words)
def test_examples_use_only_flags_that_exist(entry: object) -> None:
    import shlex

    from netwright.frontends.cli.dispatch import read_values
    from netwright.frontends.cli.lookup import find_command

    for example in entry.load().examples:  # type: ignore[attr-defined]  # an Entry
        line = re.split(r" [|<>]|\$\(", example.line)[0]
        found = find_command(shlex.split(line))
        read_values(found.entry.load(), found.words)


def test_the_long_spelling_is_the_same_command() -> None:
    assert find("container ls") is find("ps")
    assert find("image rm") is find("rmi")
    assert find("network list") is find("network ls")


def test_the_programs_help_names_every_command() -> None:
    text = netwright(None, "--help").out

    for entry in TABLE:
        if " " not in entry.words:
            assert f"  {entry.words} " in text
    for group in GROUPS:
        assert f"  {group} " in text
        assert all(word in netwright(None, group).out for word in members(group))


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["iamges"], "netwright images"),
        (["netwrok", "ls"], "netwright network"),
        (["network", "lss"], "netwright network ls"),
    ],
)
def test_a_misspelt_command_is_told_the_nearest(words: list[str], meant: str) -> None:
    result = netwright(None, *words)

    assert result.code == 1
    assert result.err.startswith(f"netwright: unknown command: netwright {' '.join(words[: 1 + ('lss' in words)])}\n")
    assert f"Did you mean:\n  {meant}\n" in result.err


def test_too_few_arguments_show_the_usage() -> None:
    result = netwright(None, "rename", "a")

    assert result.code == 1
    assert result.err == (
        "netwright: 'netwright rename' requires 2 arguments\n\nUsage:  netwright rename CONTAINER NEW_NAME\n\n"
        "Run 'netwright rename --help' for more information\n"
    )


def test_a_flag_that_does_not_exist_ends_with_125() -> None:
    result = netwright(None, "ps", "--al")

    assert result.code == 125
    assert result.err.startswith("unknown flag: --al (did you mean --all?)\n\nUsage:  netwright ps [OPTIONS]\n")


def test_an_engine_that_does_not_run_is_one_clear_line_and_how_to_start_it(tmp_path: Path) -> None:
    result = netwright(None, "-H", absent(tmp_path), "ps")

    assert result.code == 1
    assert result.err == (
        f"Cannot connect to the netwright engine at unix://{tmp_path}/none.sock: No such file or directory. "
        "Is it running?\nStart it with: sudo netwright daemon\n"
    )
    assert netwright(None, "-H", absent(tmp_path), "run", "busybox").code == 125


def test_each_of_several_is_tried(engine: FakeEngine) -> None:
    engine.on("POST /containers/a/stop", Answer(204))
    engine.on("POST /containers/b/stop", Answer(404, json={"message": "No such container: b"}))
    engine.on("POST /containers/c/stop", Answer(304))
    result = netwright(engine, "stop", "-t", "3", "a", "b", "c")

    assert (result.code, result.lines) == (1, ["a", "c"])
    assert result.err == "Error response from daemon: No such container: b\n"
    assert engine.asked("POST /containers/a/stop")[0].query == {"t": "3"}


def test_removing_what_is_not_there_by_force_is_no_failure(engine: FakeEngine) -> None:
    engine.on("DELETE /containers/x", Answer(404, json={"message": "No such container: x"}))

    assert netwright(engine, "rm", "x").code == 1
    forced = netwright(engine, "rm", "-f", "x")
    assert (forced.code, forced.out) == (0, "")


def test_the_daemon_is_started_without_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, types\n"
        "daemon = types.ModuleType('netwright.frontends.daemon')\n"
        "daemon.main = lambda words: print(words, 'netwright.frontends.cli.dispatch' in sys.modules) or 4\n"
        "sys.modules['netwright.frontends.daemon'] = daemon\n"
        "sys.argv = ['netwright', 'daemon', '--validate']\n"
        "from netwright.frontends.cli.entry import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=20)

    assert (done.returncode, done.stdout) == (4, "['--validate'] False\n")


def test_a_listing_imports_only_what_it_needs(engine: FakeEngine) -> None:
    engine.on("GET /networks", Answer(json=[]))
    code = (
        "import sys\n"
        f"sys.argv = ['netwright', '-H', '{engine.host}', 'network', 'ls']\n"
        "from netwright.frontends.cli.entry import main\n"
        "assert main() == 0\n"
        "slow = {'asyncio', 'http.client', 'email', 'dataclasses', 'inspect', 'argparse', 'pathlib', 'urllib.parse',\n"
        "        'msgspec', 'ssl', 'tarfile', 'datetime', 'netwright.frontends.cli.template',\n"
        "        'netwright.frontends.cli.verbs.run'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=False, capture_output=True, text=True, timeout=20)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "NETWORK ID   NAME      DRIVER    SCOPE\n"


def test_a_reader_that_goes_away_is_no_traceback(engine: FakeEngine) -> None:
    engine.on("GET /networks", Answer(json=[{"Id": "a" * 64, "Name": f"n{i}"} for i in range(20_000)]))
    command = [sys.executable, "-c", "import sys; from netwright.frontends.cli.entry import main; sys.exit(main())"]
    process = subprocess.Popen(
        [*command, "-H", engine.host, "network", "ls"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()

    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait(10) == 141
