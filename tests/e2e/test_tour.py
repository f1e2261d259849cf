"""What `make run`, `make stop` and `make uninstall` do, on a host of its own with the default paths."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.e2e

# The roots of the engine are empty directories of this host alone.
SCRIPT = r"""
set -eu
for directory in /run /var/log /var/lib; do mount -t tmpfs none "$directory"; done
ip link set lo up
cd "$1"; python="$2"; image="$3/busybox.tar"
scripts/busybox-image "$image"
"$python" scripts/engine.py start
"$python" scripts/tour.py "$image"
"$python" scripts/tour.py "$image" >/dev/null
"$python" scripts/engine.py stop
"$python" scripts/engine.py start >/dev/null
busybox wget -q -O - http://127.0.0.1:8080/
"$python" scripts/engine.py start --mtu 1400
PATH="$3/fakes:$PATH" "$3/clone/scripts/uninstall"
echo "left:" $(ls /var/lib /var/log; ls -d /run/netwright 2>/dev/null || true; nft list tables; ls "$3/clone")
cat "$3/purged"
echo "links: $(ip -oneline link | wc -l)"
echo "forwarding: $(cat /proc/sys/net/ipv4/ip_forward)"
"""


# What apt and dpkg would say: of the three packages that came with netwright one is gone, and one is needed by others.
FAKES = {
    "dpkg-query": "printf 'installed %s\\n' brought needed older; echo 'config-files purged-since'",
    "apt-mark": ":",
    "apt-get": """case "$*" in
        "--simulate autoremove") printf 'Remv %s [1.0]\\n' brought older;;
        *) echo "$*" >> "$(dirname "$0")/../purged";;
    esac""",
}


def make_clone(folder: Path) -> None:
    """Make what scripts/uninstall may delete: a clone of its own, in which nothing has to be installed."""
    clone = folder / "clone"
    shutil.copytree(ROOT / "scripts", clone / "scripts")
    (clone / "scripts" / "install-deps").write_text("#!/bin/sh\n")
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (clone / ".cache").mkdir()
    (clone / ".cache" / "installed-packages").write_text("purged-since\nneeded\nbrought\n")
    (folder / "fakes").mkdir()
    for name, text in FAKES.items():
        (folder / "fakes" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "fakes" / name).chmod(0o755)


def test_the_tour_can_be_walked_twice_and_uninstalling_leaves_no_trace(tmp_path: Path) -> None:
    make_clone(tmp_path)
    unshare = ["unshare", "--net", "--mount", "--propagation", "private"]
    done = subprocess.run(
        [*unshare, "sh", "-c", SCRIPT, "sh", str(ROOT), sys.executable, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for seen in (
        "80/tcp -> 0.0.0.0:8080",
        '"Subnet": "172.17.0.0/16"',
        "inet 172.17.0.2/16",
        "default via 172.17.0.1 dev eth0",
        "tcp . 8080 : 172.17.0.2 . 80",
    ):
        assert seen in done.stdout
    (shown,) = re.findall(r"^```text\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [line for line in shown.splitlines() if line not in done.stdout] == []
    # Once by the first tour, once by the container that had gone on while the engine was down.
    assert done.stdout.count("Hello from a container on docker0.") == 2
    assert "It keeps the options that it has; for --mtu 1400 stop it first: sudo make stop\n" in done.stdout
    assert "left: /var/lib: /var/log: scripts\n" in done.stdout
    assert "\npurge -qq -y brought\n" in done.stdout
    assert "links: 1\n" in done.stdout
    assert "forwarding: 0" in done.stdout
