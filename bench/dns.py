"""Names inside containers, beside Docker's daemon in one run: queries a second, and the time of one query.

    .venv/bin/python bench/dns.py [--rounds N] [--seconds N]

dnsperf (Debian's) asks in the network namespace of a container on a user-defined network. Both engines run at the same
time, each in namespaces of its own, and are measured in turn, so that a slow moment of the machine hits both. Other
names are asked of a name server on the engine's host, which answers everything at once.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from engines import ENVIRONMENT, PEERS, Engine, busybox_image, engine
from figures import Figure, Target, exit_code, show

NAMES = 50
"""How many local names there are; each is asked in turn."""

ASKING = ("-s", "127.0.0.11", "-c", "4", "-T", "2", "-q", "100", "-t", "2")
"""How dnsperf asks: from four sockets, a hundred queries under way, in two threads. In one it asks for no more than
150,000 names a second, and measures itself."""

LIBRARIES = {**ENVIRONMENT, "LD_LIBRARY_PATH": str(PEERS / "usr/lib/x86_64-linux-gnu")}
_RATE = re.compile(r"Queries per second:\s+([0-9.]+)")
_LOST = re.compile(r"Queries lost:\s+([0-9]+)")

UPSTREAM = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
s.bind(("127.0.0.1", 53))
print(flush=True)
record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\1"
while True:
    query, sender = s.recvfrom(4096)
    end = 12
    while query[end]:
        end += query[end] + 1
    s.sendto(query[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + query[12:end + 5] + record, sender)
"""

ROUND_TRIPS = """
import socket, statistics, sys, time
name, count = sys.argv[1], int(sys.argv[2])
labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
query = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + b"\\0\\0\\1\\0\\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.11", 53))
s.settimeout(5)
times = []
for _ in range(count):
    begin = time.perf_counter()
    s.send(query)
    s.recv(4096)
    times.append(time.perf_counter() - begin)
print(statistics.median(times) * 1e6)
"""


class Asker:
    """A container of one engine that asks."""

    def __init__(self, under_test: Engine, folder: Path) -> None:
        self._engine = under_test
        self._folder = folder
        busybox_image(under_test)
        under_test.docker("network", "create", "named")
        aliases = [word for number in range(NAMES) for word in ("--network-alias", f"name{number}")]
        under_test.docker(
            "run", "-d", "--name", "target", "--network", "named", *aliases, "bench:latest", "sleep", "9999"
        )
        under_test.docker("run", "-d", "--name", "asker", "--network", "named", "bench:latest", "sleep", "9999")
        self._pid = under_test.docker("inspect", "--format", "{{.State.Pid}}", "asker").strip()
        self._round = 0

    def _inside(self, *argv: str) -> str:
        inside = ["nsenter", f"--net=/proc/{self._pid}/ns/net", *argv]
        return subprocess.run(inside, env=LIBRARIES, capture_output=True, text=True, check=True).stdout

    def _perf(self, names: list[str], seconds: int) -> float:
        asked = self._folder / f"{self._engine.name}.txt"
        asked.write_text("".join(f"{name} A\n" for name in names))
        said = self._inside("dnsperf", *ASKING, "-d", str(asked), "-l", str(seconds))
        rate, lost = _RATE.search(said), _LOST.search(said)
        if rate is None or lost is None:
            raise RuntimeError(f"dnsperf said nothing of use: {said}")
        if int(lost[1]):
            print(f"{self._engine.name}: {lost[1]} queries lost of {names[0]} ...", file=sys.stderr)
        return float(rate[1])

    def local(self, seconds: int) -> float:
        """Return how many queries for local names are answered a second."""
        return self._perf([f"name{number}" for number in range(NAMES)], seconds)

    def work(self, seconds: int) -> float:
        """Return the processor time that one local name takes the process that answers, in microseconds.

        What the kernel answers by itself takes it none. The rate itself is bounded by dnsperf, which takes more of the
        machine than an answer does.
        """
        pid = self._answering()
        before = _processor_seconds(pid)
        rate = self.local(seconds)
        return (_processor_seconds(pid) - before) / (rate * seconds) * 1e6

    def _answering(self) -> int:
        """Return the process that answers: Docker's daemon, or our resolver, which names its socket."""
        socket = f"{self._engine.folder}/exec/resolver.sock".encode()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if socket in entry.read_bytes():
                    return int(entry.parent.name)
        return self._engine.process.pid

    def same(self, seconds: int) -> float:
        """Return the same for other names that are asked again and again."""
        return self._perf([f"h{number}.example.org" for number in range(NAMES)], seconds)

    def fresh(self, seconds: int) -> float:
        """Return the same for other names that nobody has asked before."""
        self._round += 1
        return self._perf([f"n{number}.r{self._round}.example.org" for number in range(300_000)], seconds)

    def round_trip(self, name: str, count: int = 3000) -> float:
        """Return the median time of one query after the other, in microseconds."""
        return float(self._inside("/usr/bin/python3", "-I", "-c", ROUND_TRIPS, name, str(count)))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_turn(rounds: int, measure: Callable[[Asker], float], ours: Asker, theirs: Asker) -> tuple[float, float]:
    """Measure both alternately and return the medians; one round of each warms up."""
    measure(ours), measure(theirs)
    pairs = [(measure(ours), measure(theirs)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def name_server(stack: ExitStack, under_test: Engine, folder: Path) -> None:
    """Start a name server where an engine runs, and have its resolv.conf name it."""
    server = subprocess.Popen(
        under_test.inside("/usr/bin/python3", "-I", "-c", UPSTREAM), stdout=subprocess.PIPE, text=True
    )
    stack.callback(server.wait)
    stack.callback(server.terminate)
    assert server.stdout is not None
    server.stdout.readline()
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    under_test.run("mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf")


def measure(rounds: int, seconds: int) -> list[Figure]:
    """Start both engines and measure everything."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engines = [stack.enter_context(engine(name)) for name in ("netwright", "docker")]
        for under_test in engines:
            name_server(stack, under_test, folder)
        ours, theirs = (Asker(under_test, folder) for under_test in engines)
        return [
            Figure(
                "local names, queries/s",
                *in_turn(rounds, lambda a: a.local(seconds), ours, theirs),
                target=Target("at least", 4.0),
            ),
            Figure("  processor time of each, us", *in_turn(rounds, lambda a: a.work(seconds), ours, theirs)),
            Figure(
                "  one at a time, median, us",
                *in_turn(rounds, lambda a: a.round_trip("name1"), ours, theirs),
                target=Target("at most", 1.0),
            ),
            Figure(
                "forwarded, each name once, queries/s",
                *in_turn(rounds, lambda a: a.fresh(seconds), ours, theirs),
                target=Target("at least", 1.0),
            ),
            Figure(
                "forwarded, the same names again, queries/s",
                *in_turn(rounds, lambda a: a.same(seconds), ours, theirs),
                target=Target("at least", 1.0),
            ),
        ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each measurement (default 5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of each run of dnsperf (default 2)")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds, arguments.seconds)
    show("names", figures)
    return exit_code(figures)


if __name__ == "__main__":
    sys.exit(main())
