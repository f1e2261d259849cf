"""Whether any query for a name is lost where many containers start at once, and where the engine is killed.

    .venv/bin/python bench/crowd.py [--containers N] [--queries N] [--seconds N]

All containers are on one network and started at the same time. From its first instruction on each of them asks for
others, chosen by chance, once and never again. A query has failed where no answer came, a wrong one, or the answer that
there is no such name although its container was started before it was asked for.

Before that, one container asks 2,000 times a second, for local and for other names, while the engine is killed (by
SIGKILL) and started again.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dns import LIBRARIES, name_server
from engines import Engine, busybox_image, engine
from figures import Figure, Target, exit_code, show

NONE = Target("at most", 0, of_ratio=False)
RATE = 2000
IMAGE = "bench:latest"
_PROGRAM = Path(__file__).with_name("crowd_inside.py")
_PYTHON = ["/usr/bin/python3", "-I", "-S", "/crowd.py"]
_LOST = re.compile(r"Queries lost:\s+([0-9]+)")
_SENT = re.compile(r"Queries sent:\s+([0-9]+)")
_FAILED = re.compile(r"(?:SERVFAIL|REFUSED|NXDOMAIN) ([0-9]+)")
_PATIENCE = 300.0


@dataclass(frozen=True)
class Asked:
    """One query of a container."""

    name: str
    kind: str
    at: float
    took: float
    code: int
    address: str


class Crowd:
    """Containers that are created, and all started at once."""

    def __init__(self, under_test: Engine, folder: Path, size: int, queries: int) -> None:
        self._engine = under_test
        self._folder = folder
        self.names = [f"c{number}" for number in range(size)]
        self._started: dict[str, float] = {}
        each = max(1, queries // size // 2)
        under_test.docker("network", "create", "--internal", "--subnet", "10.91.0.0/20", "crowd")
        binds = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", f"{_PROGRAM}:/crowd.py:ro"]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self._create(name, [*binds, f"{folder}:/out"], each), self.names))

    def _create(self, name: str, binds: list[str], each: int) -> None:
        others = [other for other in self.names if other != name]
        body = {
            "Image": IMAGE,
            "Cmd": [*_PYTHON, f"/out/{name}", *random.choices(others, k=each)],
            "HostConfig": {"Binds": binds, "NetworkMode": "crowd"},
        }
        status, answer = self._engine.connection().call("POST", f"/containers/create?name={name}", body)
        if status != 201:
            raise RuntimeError(f"creating {name}: {answer!r}")

    def start(self) -> float:
        """Start all at once; return how many seconds that took."""
        begin = time.monotonic()
        with ThreadPoolExecutor(len(self.names)) as pool:
            list(pool.map(self._start, self.names))
        return time.monotonic() - begin

    def _start(self, name: str) -> None:
        status, answer = self._engine.connection().call("POST", f"/containers/{name}/start")
        self._started[name] = time.monotonic()
        if status != 204:
            raise RuntimeError(f"starting {name}: {answer!r}")

    def asked(self) -> list[Asked]:
        """Wait until all have asked, and return what came of it."""
        deadline = time.monotonic() + _PATIENCE
        while missing := [name for name in self.names if not (self._folder / name).exists()]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(missing)} containers have not finished: {', '.join(missing[:5])} ...")
            time.sleep(0.1)
        return [Asked(*row) for name in self.names for row in json.loads((self._folder / name).read_text())]

    def failures(self, asked: Sequence[Asked]) -> list[str]:
        """Return what went wrong, in words."""
        _, listed = self._engine.connection().call("GET", "/networks/crowd")
        found = json.loads(listed)["Containers"].values()
        addresses = {one["Name"]: one["IPv4Address"].partition("/")[0] for one in found}
        return [text for one in asked if (text := self._fault(one, addresses[one.name]))]

    def _fault(self, one: Asked, address: str) -> str:
        if one.code == -1:
            return f"{one.name} {one.kind}: no answer"
        if one.code and one.at > self._started[one.name]:
            return f"{one.name} {one.kind}: code {one.code}, {one.at - self._started[one.name]:.3f} s after its start"
        if not one.code and one.kind == "A" and one.address != address:
            return f"{one.name} {one.kind}: {one.address or 'nothing'} instead of {address}"
        return ""


def started_at_once(under_test: Engine, folder: Path, containers: int, queries: int) -> list[Figure]:
    """Start a crowd and see what it is answered."""
    crowd = Crowd(under_test, folder, containers, queries)
    took = crowd.start()
    asked = crowd.asked()
    failures = crowd.failures(asked)
    for text in failures[:10]:
        print(f"failed: {text}", file=sys.stderr)
    return [
        Figure(f"{containers} containers started at once, s", took),
        Figure("  queries from their first instruction on", len(asked)),
        Figure("  of which failed", len(failures), target=NONE),
        Figure("  not known yet when they were asked for", sum(one.code > 0 for one in asked)),
        Figure("  median, ms", statistics.median(one.took for one in asked) * 1000),
        Figure("  slowest, ms", max(one.took for one in asked) * 1000),
    ]


def killed(under_test: Engine, folder: Path, seconds: int) -> list[Figure]:
    """Kill the engine and start it again while a container asks."""
    under_test.docker("network", "create", "asking")
    for name in ("web", "asker"):
        under_test.docker("run", "-d", "--name", name, "--network", "asking", IMAGE, "sleep", "9999")
    pid = under_test.docker("inspect", "--format", "{{.State.Pid}}", "asker").strip()
    (folder / "asked").write_text("web A\nweb.asking A\nweb AAAA\nexample.org A\n")
    flags = ["-s", "127.0.0.11", "-d", str(folder / "asked"), "-Q", str(RATE), "-l", str(seconds)]
    load = subprocess.Popen(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "dnsperf", *flags], env=LIBRARIES, stdout=subprocess.PIPE, text=True
    )
    time.sleep(seconds / 4)
    begin = time.monotonic()
    under_test.kill_and_start()
    away = time.monotonic() - begin
    said, _ = load.communicate()
    sent, lost = (int(found[1]) if (found := find.search(said)) else -1 for find in (_SENT, _LOST))
    return [
        Figure(f"engine killed under {RATE} queries/s, away for s", away),
        Figure("  queries", sent),
        Figure("  of which lost", lost, target=NONE),
        Figure("  of which answered with a failure", sum(map(int, _FAILED.findall(said))), target=NONE),
    ]


def measure(containers: int, queries: int, seconds: int) -> list[Figure]:
    """Measure and print."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        under_test = stack.enter_context(engine("netwright"))
        name_server(stack, under_test, folder)
        busybox_image(under_test, IMAGE)
        found = killed(under_test, folder, seconds)
        found += started_at_once(under_test, folder, containers, queries)
    show("names in a crowd", found)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--containers", type=int, default=200, help="how many start at once (default 200)")
    parser.add_argument("--queries", type=int, default=20_000, help="how many they ask together (default 20000)")
    parser.add_argument("--seconds", type=int, default=20, help="how long the engine's kill is asked over (default 20)")
    given = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return exit_code(measure(given.containers, given.queries, given.seconds))


if __name__ == "__main__":
    sys.exit(main())
