"""What the pages show happens: their sessions are typed into the running engine.

What follows `$` is typed on the host, what follows `neighbour$` on the machine beside it; the lines below are what it
prints, `…` standing for anything. `ufw` is Debian's, on rules and settings of its own.
"""

import re
import shutil
from pathlib import Path

import pytest
from machine import NETWRIGHT, PEERS, ROOT, Engine, docker_clients

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
    pytest.param("".join(blocks("firewall.md")), id="firewall"),
    pytest.param("".join(blocks("reliability.md")), id="reliability"),
    *(pytest.param(block, id=f"bridge-{number}") for number, block in enumerate(blocks("bridge.md"), 1)),
]
"""Some pages go on from block to block, on that of bridges each begins anew."""


def commands(session: str) -> list[tuple[str, str, str]]:
    """Return where each command is typed, the command, and the output that is shown for it."""
    prompts = list(_PROMPT.finditer(session))
    ends = [*(prompt.start() for prompt in prompts[1:]), len(session)]
    return [(one[1] or "", one[2], session[one.end() : end]) for one, end in zip(prompts, ends, strict=True)]


@pytest.fixture
def ufw(tmp_path: Path) -> Path:
    """Return the folder of a program `ufw` that keeps its settings to itself, as a fresh installation has them."""
    root = tmp_path / "ufw"
    for part in ("etc/ufw", "etc/default", "usr/share/ufw", "lib/ufw"):
        shutil.copytree(PEERS / part, root / part)
    (root / "run").mkdir()
    defaults = root / "usr/share/ufw"
    for path in (defaults / "ufw.conf", *(defaults / "iptables").iterdir()):
        shutil.copy(path, root / "etc/ufw")
    # The kernel's modules and switches are the machine's.
    with (root / "etc/default/ufw").open("a") as settings:
        settings.write("IPT_MODULES=\nIPT_SYSCTL=\n")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ufw"
    python = f"PYTHONPATH={PEERS}/usr/lib/python3/dist-packages exec /usr/bin/python3"
    program.write_text(f'#!/bin/sh\n{python} {PEERS}/usr/sbin/ufw --rootdir={root} --datadir={root} "$@"\n')
    program.chmod(0o755)
    return program.parent


@pytest.mark.parametrize("session", SESSIONS)
def test_the_sessions_of_a_page_go_as_shown(engine: Engine, session: str, ufw: Path) -> None:
    programs = f"{ufw}:{Path(docker_clients()[-1]).parent}:{NETWRIGHT.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = [f"DOCKER_HOST=unix://{engine.socket}", f"PATH={programs}"]

    for where, command, shown in commands(session):
        place = engine.machine.outside if where else engine.machine.host
        done = place.run("env", *environment, "sh", "-c", command, check=False)
        wanted = ".*".join(re.escape(part) for part in shown.strip().split("…"))
        said = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines()).strip()
        assert re.fullmatch(wanted, said, re.DOTALL), f"{command}:\n{said}"
        assert done.returncode == 0 or "Error" in shown, f"{command}:\n{said}"
