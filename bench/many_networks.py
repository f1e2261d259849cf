"""Whether a network costs more where there are many: create and remove through the API, beside 5 others and beside 500.

    .venv/bin/python bench/many_networks.py [--few N] [--many N] [--runs N]

The engine runs in network and mount namespaces of its own; needs root.
"""

import argparse
import json
import statistics
import time

from engines import Engine, UnixConnection, engine

TARGET = 1.3


def create(connection: UnixConnection, name: str) -> None:
    """Make a network."""
    status, body = connection.call("POST", "/v1.41/networks/create", {"Name": name, "CheckDuplicate": True})
    if status != 201:
        raise RuntimeError(f"create {name}: {status} {body!r}")


def fill(connection: UnixConnection, count: int) -> None:
    """Make networks until there are so many."""
    present = len(json.loads(connection.call("GET", "/v1.41/networks")[1]))
    for number in range(present, count):
        create(connection, f"other{number}")


def times(connection: UnixConnection, runs: int) -> tuple[float, float]:
    """Return the median milliseconds of making a network and of removing it."""
    made, removed = [], []
    for _ in range(runs):
        begin = time.perf_counter()
        create(connection, "timed")
        between = time.perf_counter()
        status, body = connection.call("DELETE", "/v1.41/networks/timed")
        if status != 204:
            raise RuntimeError(f"remove: {status} {body!r}")
        made.append((between - begin) * 1000)
        removed.append((time.perf_counter() - between) * 1000)
    return statistics.median(made), statistics.median(removed)


def measure(under_test: Engine, few: int, many: int, runs: int) -> None:
    """Measure beside a few networks and beside many, and print both."""
    connection = under_test.connection()
    fill(connection, few)
    beside_few = times(connection, runs)
    fill(connection, many)
    beside_many = times(connection, runs)
    print(f"{'':24} {f'beside {few}':>12} {f'beside {many}':>12} {'ratio':>7}  target at most {TARGET}")
    for what, one, other in zip(("network create, ms", "network remove, ms"), beside_few, beside_many, strict=True):
        print(f"{what:24} {one:12.1f} {other:12.1f} {other / one:7.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=5)
    parser.add_argument("--many", type=int, default=500)
    parser.add_argument("--runs", type=int, default=30, help="of each measurement (default 30)")
    arguments = parser.parse_args()
    with engine("netwright") as under_test:
        measure(under_test, arguments.few, arguments.many, arguments.runs)


if __name__ == "__main__":
    main()
