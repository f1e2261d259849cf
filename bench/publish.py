"""Published ports: one more of them with few and with many present, a thousand of one container, new connections.

    .venv/bin/python bench/publish.py [--rounds N] [--whole]

Two engines of ours, one with 5 ports published and one with 5,000, run in namespaces of their own and are measured in
turn: a port more and a port less inside the engine, without the API, and TCP connections that a neighbour makes to one
port. All ports lead to port 80 of their containers, so that each needs elements of its own; a range that keeps its
numbers would be one. A third engine has 5,000 ports by Docker's rules: Docker's daemon would need ten minutes and 30 GB
of proxies for them, so it is our iptables backend that has made them, which writes them rule for rule (tests/golden).

A container with a range of 1,000 ports is started by the docker command line. Docker's daemon takes a minute for it, so
it is given 100 ports and ten times its time is what ours stands beside: less than the truth, since it slows down with
every port. `--whole` gives it all of them.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines import ENVIRONMENT, Engine, busybox_image, engine
from figures import Curve, Figure, Target, exit_code, quarter, show

FEW, MANY = 5, 5000
RANGE, SMALLER = 1000, 100
REPEATED = 5
"""How often we start a range again: it takes us so short that a busy moment doubles it. Docker takes its average."""

PUBLISH = Target("at most", 1.3)
CONNECTIONS = Target("at least", 0.95)
AHEAD, BEHIND = Target("at least", 1.0), Target("at most", 1.0)
START = REMOVE = Target("at most", 0.01)
MEMORY = Target("at most", 5.0, of_ratio=False)

_ALONE = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private"]
_INSIDE = Path(__file__).with_name("publish_inside.py")

Samples = defaultdict[str, list[float]]


class Inside:
    """An engine in namespaces of its own that is asked for rounds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.samples: Samples = defaultdict(list)
        self.grown: Curve = ()

    def ready(self) -> None:
        """Wait until all ports are published, and remember what publishing one more took on the way."""
        self.grown = tuple((float(present), took) for present, took in self._answer()["grown"])

    def _answer(self) -> Any:
        """Wait for a line of the other side."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the engine inside ended with {self._process.wait()}")
        return json.loads(line)

    def round(self) -> dict[str, list[float]]:
        """Ask for a round and return what it measured."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, list[float]] = self._answer()
        return found


@contextlib.contextmanager
def inside(present: int, backend: str = "nftables") -> Iterator[Inside]:
    """Run an engine with ports published for the time of the block."""
    script = 'ip link set lo up; exec "$@"'
    command = ["sh", "-c", script, "sh", sys.executable, str(_INSIDE), backend, str(present)]
    pipe = subprocess.PIPE
    with subprocess.Popen([*_ALONE, *command], env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True) as process:
        under_test = Inside(process)
        under_test.ready()
        yield under_test


def growth(rounds: int) -> tuple[list[Figure], list[Figure]]:
    """Measure with few and with many ports present, and with as many by Docker's rules."""
    with inside(FEW) as few, inside(MANY) as many, inside(MANY, "iptables") as rules:
        for number in range(rounds + 1):
            for under_test in (few, many, rules):
                for name, values in under_test.round().items():
                    if number:  # threads start and caches fill in the first
                        under_test.samples[name].extend(values)

    def figure(what: str, name: str, target: Target, *, rate: bool = False, other: Inside = few) -> Figure:
        ours, theirs = (quarter(one.samples[name], more_is_better=rate) for one in (many, other))
        grown = (many if other is few else other).grown if name == "publish" else ()
        return Figure(what, ours, theirs, target, curve=grown)

    return (
        [
            figure("publish a port, ms", "publish", PUBLISH),
            figure("unpublish it, ms", "unpublish", PUBLISH),
            figure("new TCP connections, 1/s", "connections", CONNECTIONS, rate=True),
        ],
        [
            figure("new TCP connections, 1/s", "connections", AHEAD, rate=True, other=rules),
            figure("publish a port, ms", "publish", BEHIND, other=rules),
        ],
    )


def resident(under_test: Engine) -> float:
    """Return the resident memory of a netwright engine and its keeper, in MB."""
    pids = [under_test.process.pid]
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().decode() if entry.name.isdigit() else ""
            if "keeper" in command and str(under_test.folder) in command:
                pids.append(int(entry.name))
    if len(pids) != 2:
        raise RuntimeError(f"an engine should have one keeper, not {len(pids) - 1}")
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:")) / 1024


def start(under_test: Engine, count: int) -> float:
    """Start a container with a range of published ports, and return the seconds."""
    words = [] if not count else ["-p", f"20000-{20000 + count - 1}:20000-{20000 + count - 1}"]
    begin = time.perf_counter()
    under_test.docker("run", "-d", "--name", "ranged", *words, "bench:latest", "sleep", "100000")
    return time.perf_counter() - begin


def remove(under_test: Engine) -> float:
    """Remove it, and return the seconds."""
    begin = time.perf_counter()
    under_test.docker("rm", "-f", "ranged")
    return time.perf_counter() - begin


def ranges(theirs: int) -> list[Figure]:
    """Measure a container with many ports; Docker's daemon gets as many as are given."""
    with engine("netwright") as ours, engine("docker") as docker:
        for under_test in (ours, docker):
            busybox_image(under_test)
            # What only the first container or the first port pays is not the thousand's.
            start(under_test, 1)
            remove(under_test)
        start(ours, 1)
        before = resident(ours)
        remove(ours)
        took, gone = [start(ours, RANGE)], []
        added = resident(ours) - before
        for _ in range(REPEATED):
            gone.append(remove(ours))
            took.append(start(ours, RANGE))
        docker_took, docker_gone = start(docker, theirs), remove(docker)
    scale = RANGE / theirs
    return [
        Figure(f"start with {RANGE} ports, s", quarter(took), docker_took * scale, START),
        Figure(f"remove one with {RANGE} ports, s", quarter(gone), docker_gone * scale, REMOVE),
        Figure("memory added, MB", added, target=MEMORY),
    ]


def measure(rounds: int, *, whole: bool = False) -> list[Figure]:
    """Measure everything and print."""
    grown, beside = growth(rounds)
    show(f"published ports, the better quarter of {rounds} rounds in turn", grown, f"{MANY} there", f"{FEW} there")
    show(f"{MANY} published ports, by nftables and by Docker's rules", beside, "nftables", "rules")
    theirs = RANGE if whole else SMALLER
    ranged = ranges(theirs)
    show(f"a range of ports; Docker's daemon, once: {theirs} ports, times {RANGE // theirs}", ranged)
    return [*grown, *beside, *ranged]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="counted rounds of each engine (default 10)")
    parser.add_argument("--whole", action="store_true", help="give Docker's daemon all the ports: three minutes more")
    arguments = parser.parse_args()
    return exit_code(measure(arguments.rounds, whole=arguments.whole))


if __name__ == "__main__":
    sys.exit(main())
