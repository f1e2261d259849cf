"""What the pages show happens: their sessions are typed into the running engine."""

import re
from pathlib import Path

import pytest
from machine import NETWRIGHT, ROOT, Engine, docker_clients

pytestmark = pytest.mark.parametrize("running", ["nftables"], indirect=True)

_SESSION = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page, each with the output that is shown for it; `…` there stands for anything."""
    found: list[tuple[str, str]] = []
    for session in _SESSION.findall(page.read_text()):
        for line in session.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append((line[2:].rstrip("\n"), ""))
            else:
                command, output = found[-1]
                found[-1] = (command, output + line)
    return found


@pytest.mark.parametrize("page", ["networks.md"])
def test_the_sessions_of_a_page_go_as_shown(engine: Engine, page: str) -> None:
    programs = f"{Path(docker_clients()[-1]).parent}:{NETWRIGHT.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = [f"DOCKER_HOST=unix://{engine.socket}", f"PATH={programs}"]

    for command, shown in commands(ROOT / "docs" / page):
        done = engine.machine.host.run("env", *environment, "sh", "-c", command, check=False)
        wanted = ".*".join(re.escape(part) for part in shown.strip().split("…"))
        said = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines()).strip()
        assert re.fullmatch(wanted, said, re.DOTALL), f"{command}:\n{said}"
