"""Netwright beside Docker's daemon in one run: start, memory, run to first byte, connect, listing.

    .venv/bin/python bench/compare.py [--runs N] [--json FILE]

Prints one table: medians of both and the ratio netwright / Docker. Both engines run in network and mount namespaces of
their own at the same time and are measured in turn (A B A B ...), so that a slow moment of the machine hits both.
"""

import argparse
import json
import re
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines import Engine, busybox_image, engine

TARGETS = {
    "run -d to first HTTP answer, ms": ("at most", 0.4),
    "GET /networks, requests/s": ("at least", 2.0),
}


@dataclass
class Row:
    """One thing measured on both engines."""

    what: str
    netwright: float
    docker: float

    @property
    def ratio(self) -> float:
        """Return netwright's figure over Docker's."""
        return self.netwright / self.docker


def in_turn(runs: int, measure: Callable[[Engine], float], ours: Engine, theirs: Engine) -> tuple[float, float]:
    """Measure both engines alternately and return the two medians; one run of each warms up."""
    measure(ours), measure(theirs)
    pairs = [(measure(ours), measure(theirs)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


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


def measure(runs: int) -> list[Row]:
    """Start both engines and measure everything."""
    with engine("netwright") as ours, engine("docker") as theirs:
        rows = [Row("start to ready, ms", ours.ready * 1000, theirs.ready * 1000)]
        time.sleep(2)  # let start-up work settle before memory is read
        rows.append(Row("resident when idle, MB", ours.resident(), theirs.resident()))
        for under_test in (ours, theirs):
            busybox_image(under_test)
        rows.append(Row("GET /networks, requests/s", *in_turn(runs, listing_rate, ours, theirs)))
        rows.append(Row("run -d to first HTTP answer, ms", *in_turn(runs, run_to_first_byte, ours, theirs)))
        rows.extend(_networks(runs, ours, theirs))
    return rows


def _networks(runs: int, ours: Engine, theirs: Engine) -> list[Row]:
    for under_test in (ours, theirs):
        under_test.docker("network", "create", "benched")
        under_test.docker("run", "-d", "--name", "member", "bench:latest", "sleep", "100000")
    rows = []
    measured: dict[str, Callable[[Engine], float]] = {
        "network connect (API), ms": lambda e: connect_times(e, "member", "benched")[0],
        "network disconnect (API), ms": lambda e: connect_times(e, "member", "benched")[1],
        "network create (API), ms": lambda e: network_times(e)[0],
        "network remove (API), ms": lambda e: network_times(e)[1],
    }
    for what, measurement in measured.items():
        rows.append(Row(what, *in_turn(runs, measurement, ours, theirs)))
    for under_test in (ours, theirs):
        under_test.docker("rm", "-f", "member")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="counted runs of each measurement (default 15)")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    rows = measure(arguments.runs)
    print(f"{'':34} {'netwright':>10} {'docker':>10} {'ratio':>7}  target")
    for row in rows:
        kind, bound = TARGETS.get(row.what, ("", 0.0))
        target = f"{kind} {bound}" if kind else ""
        print(f"{row.what:34} {row.netwright:10.1f} {row.docker:10.1f} {row.ratio:7.2f}  {target}")
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(row) | {"ratio": row.ratio} for row in rows], indent=2))


if __name__ == "__main__":
    main()
