"""What the pages show happens: their sessions are typed into the running engine.

What follows `$` is typed on the host, what follows `neighbour$` on the machine beside it; the lines below are what it
prints, `…` standing for anything.
"""

import re
from pathlib import Path

import pytest
from machine import NETWRIGHT, ROOT, Engine, docker_clients

pytestmark = pytest.mark.parametrize("running", ["nftables"], indirect=True)

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^(neighbour)?\$ (.*)$", re.MULTILINE)


def blocks(page: str) -> list[str]:
    """Return the sessions of a page."""
    return _BLOCK.findall((ROOT / "docs" / page).read_text())


SESSIONS = [
    pytest.param("".join(blocks("networks.md")), id="networks"),
    pytest.param("".join(blocks("publishing.md")), id="publishing"),
    pytest.param("".join(blocks("names.md")), id="names"),
    *(pytest.param(block, id=f"bridge-{number}") for number, block in enumerate(blocks("bridge.md"), 1)),
]
"""Some pages go on from block to block, on that of bridges each begins anew."""


def commands(session: str) -> list[tuple[str, str, str]]:
    """Return where each command is typed, the command, and the output that is shown for it."""
    prompts = list(_PROMPT.finditer(session))
    ends = [*(prompt.start() for prompt in prompts[1:]), len(session)]
    return [(one[1] or "", one[2], session[one.end() : end]) for one, end in zip(prompts, ends, strict=True)]


@pytest.mark.parametrize("session", SESSIONS)
def test_the_sessions_of_a_page_go_as_shown(engine: Engine, session: str) -> None:
    programs = f"{Path(docker_clients()[-1]).parent}:{NETWRIGHT.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = [f"DOCKER_HOST=unix://{engine.socket}", f"PATH={programs}"]

    for where, command, shown in commands(session):
        place = engine.machine.outside if where else engine.machine.host
        done = place.run("env", *environment, "sh", "-c", command, check=False)
        wanted = ".*".join(re.escape(part) for part in shown.strip().split("…"))
        said = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines()).strip()
        assert re.fullmatch(wanted, said, re.DOTALL), f"{command}:\n{said}"
        assert done.returncode == 0 or "Error" in shown, f"{command}:\n{said}"
