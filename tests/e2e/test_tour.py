"""What `make run`, `make stop` and `make uninstall` do, on a host of its own with the default paths."""

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
"$python" scripts/engine.py stop >/dev/null
.venv/bin/netwright daemon --uninstall 2>/dev/null
echo "left:" $(ls /var/lib; ls -d /run/netwright 2>/dev/null || true; nft list tables | grep netwright || true)
echo "links: $(ip -oneline link | wc -l)"
echo "forwarding: $(cat /proc/sys/net/ipv4/ip_forward)"
"""


def test_the_tour_can_be_walked_twice_and_uninstalling_leaves_no_trace(tmp_path: Path) -> None:
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
    # Once by the first tour, once by the container that had gone on while the engine was down.
    assert done.stdout.count("Hello from a container on docker0.") == 2
    assert "left:\n" in done.stdout
    assert "links: 1\n" in done.stdout
    assert "forwarding: 0" in done.stdout
