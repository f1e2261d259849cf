"""Netwright beside Docker's daemon in one run: start, memory, listing, run to first byte, connect, create.

    .venv/bin/python bench/compare.py [--runs N] [--json FILE]

Prints one table: both, and the ratio netwright / Docker. Both engines run in network and mount namespaces of
their own at the same time and are measured in turn (A B A B ...), so that a slow moment of the machine hits both.
"""

import argparse
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engines import Engine, busybox_image, engine
from figures import Figure, Target, exit_code, quarter, show

QUIET = 0.1
"""Seconds between two measurements: what one engine left to do in the background is not to be paid by the other."""

STARTS = 5

TARGETS = {
    "start to ready, s": Target("at most", 0.7, of_ratio=False),
    "resident when idle, MB": Target("at most", 80.0, of_ratio=False),
    "GET /networks, requests/s": Target("at least", 2.0),
    "run -d to first HTTP answer, ms": Target("at most", 0.4),
    "network connect, ms": Target("at most", 0.1),
    "network disconnect, ms": Target("at most", 0.1),
    "network create + remove, ms": Target("at most", 0.1),
}


def in_turn(what: str, runs: int, measure: Callable[[Engine], float], ours: Engine, theirs: Engine) -> Figure:
    """Measure both engines alternately; one run of each warms up."""
    samples: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for _ in range(runs + 1):
        for under_test in (ours, theirs):
            time.sleep(QUIET)
            samples[under_test.name].append(measure(under_test))
    rate = what.endswith("/s")
    kept = (quarter(samples[name][1:], more_is_better=rate) for name in (ours.name, theirs.name))
    return figure(what, *kept)


def figure(what: str, ours: float, theirs: float, judged: float | None = None) -> Figure:
    """Return a figure with its target, if it has one."""
    return Figure(what, ours, theirs, TARGETS.get(what), judged)


def run_to_first_byte(under_test: Engine) -> float:
    """Return the milliseconds from `docker run -d -p` to the first answer through the published port.

    The probe is one process that waits before it begins, so its own start is not counted.
    """
    probe = under_test.run(
        "python3",
        "-I",
        "-c",
        FIRST_BYTE,
        f"unix://{under_test.socket}",
    )
    return float(probe)


FIRST_BYTE = """
import socket, subprocess, sys, time
host = sys.argv[1]
begin = time.perf_counter()
ran = subprocess.run(["docker", "-H", host, "run", "-d", "-p", "18080:80", "bench:latest", "httpd", "-f", "-h", "/www"],
                     capture_output=True, text=True, check=True)
while True:
    try:
        with socket.create_connection(("127.0.0.1", 18080), timeout=1) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            if s.recv(100).startswith(b"HTTP/1."):
                break
    except OSError:
        pass
    if time.perf_counter() - begin > 20:
        sys.exit("no answer")
print((time.perf_counter() - begin) * 1000)
subprocess.run(["docker", "-H", host, "rm", "-f", ran.stdout.strip()], capture_output=True, check=True)
"""


def listing_rate(under_test: Engine) -> float:
    """Return how many GET /networks a second one connection gets answered.

    The client does the least that HTTP asks for, so that it is the engine that is measured.
    """
    request = b"GET /v1.41/networks HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(under_test.socket)
        _exchange(connection, request)
        count, begin = 0, time.perf_counter()
        while (spent := time.perf_counter() - begin) < 0.5:
            _exchange(connection, request)
            count += 1
    return count / spent


def _exchange(connection: socket.socket, request: bytes) -> None:
    """Send a request and read its whole answer, which must have a Content-Length."""
    connection.sendall(request)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += connection.recv(65536)
    length = re.search(rb"(?i)content-length: (\d+)", data[:end])
    if length is None:
        raise RuntimeError(f"an answer without its length: {data[:200]!r}")
    missing = end + 4 + int(length[1]) - len(data)
    while missing > 0:
        missing -= len(connection.recv(65536))


def connect_times(under_test: Engine, container: str, network: str) -> tuple[float, float]:
    """Return the milliseconds of joining a network by a running container, and of leaving it, through the API."""
    connection = under_test.connection()
    connection.call("GET", "/_ping")
    begin = time.perf_counter()
    status, body = connection.call("POST", f"/v1.41/networks/{network}/connect", {"Container": container})
    joined = time.perf_counter()
    if status != 200:
        raise RuntimeError(f"{under_test.name}: connect: {status} {body!r}")
    connection.call("POST", f"/v1.41/networks/{network}/disconnect", {"Container": container, "Force": False})
    left = time.perf_counter()
    return (joined - begin) * 1000, (left - joined) * 1000


def network_times(under_test: Engine) -> tuple[float, float]:
    """Return the milliseconds of making a network and of removing it, through the API."""
    connection = under_test.connection()
    begin = time.perf_counter()
    status, body = connection.call("POST", "/v1.41/networks/create", {"Name": "timed", "CheckDuplicate": True})
    made = time.perf_counter()
    if status != 201:
        raise RuntimeError(f"{under_test.name}: create: {status} {body!r}")
    connection.call("DELETE", "/v1.41/networks/timed")
    return (made - begin) * 1000, (time.perf_counter() - made) * 1000


def start_times() -> tuple[list[float], list[float]]:
    """Return the seconds that starts on empty folders take, both engines in turn."""
    ours, theirs = [], []
    for _ in range(STARTS):
        with engine("netwright") as started:
            ours.append(started.ready)
        with engine("docker") as started:
            theirs.append(started.ready)
    return ours, theirs


def measure(runs: int) -> list[Figure]:
    """Start both engines, measure everything, and print."""
    ours_start, theirs_start = start_times()
    found = [
        figure("start to ready, s", quarter(ours_start), quarter(theirs_start), min(ours_start)),
    ]
    with engine("netwright") as ours, engine("docker") as theirs:
        time.sleep(2)  # let start-up work settle before memory is read
        found.append(figure("resident when idle, MB", ours.resident(), theirs.resident()))
        for under_test in (ours, theirs):
            busybox_image(under_test)
        measured: dict[str, Callable[[Engine], float]] = {
            "GET /networks, requests/s": listing_rate,
            "run -d to first HTTP answer, ms": run_to_first_byte,
        }
        found += [in_turn(what, runs, how, ours, theirs) for what, how in measured.items()]
        found += _networks(runs, ours, theirs)
    show(f"beside Docker's daemon, the better quarter of {runs} runs in turn", found)
    return found


def _networks(runs: int, ours: Engine, theirs: Engine) -> list[Figure]:
    for under_test in (ours, theirs):
        under_test.docker("network", "create", "benched")
        under_test.docker("run", "-d", "--name", "member", "bench:latest", "sleep", "100000")
    measured: dict[str, Callable[[Engine], float]] = {
        "network connect, ms": lambda e: connect_times(e, "member", "benched")[0],
        "network disconnect, ms": lambda e: connect_times(e, "member", "benched")[1],
        "network create, ms": lambda e: network_times(e)[0],
        "network remove, ms": lambda e: network_times(e)[1],
        "network create + remove, ms": lambda e: sum(network_times(e)),
    }
    found = [in_turn(what, runs, how, ours, theirs) for what, how in measured.items()]
    for under_test in (ours, theirs):
        under_test.docker("rm", "-f", "member")
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="counted runs of each measurement (default 15)")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    found = measure(arguments.runs)
    if arguments.json:
        rows = [{"what": one.what, "netwright": one.ours, "docker": one.theirs, "ratio": one.ratio} for one in found]
        arguments.json.write_text(json.dumps(rows, indent=2))
    return exit_code(found)


if __name__ == "__main__":
    sys.exit(main())
