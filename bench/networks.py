"""Networks made and removed through the API, with five of them present and with five hundred.

    .venv/bin/python bench/networks.py [--runs N]

Two engines of ours run side by side, each in namespaces of its own, and are measured in turn, so that a slow moment of
the machine hits both. Docker's daemon stands beside them in `bench/compare.py`.
"""

import argparse
import sys
import time

from compare import QUIET, connect_times, network_times
from engines import Engine, busybox_image, engine
from figures import Figure, Target, exit_code, quarter, show

FEW, MANY = 5, 500
TARGET = Target("at most", 1.3)


def fill(under_test: Engine, count: int) -> None:
    """Make networks."""
    connection = under_test.connection()
    for number in range(count):
        status, body = connection.call("POST", "/v1.41/networks/create", {"Name": f"present{number}"})
        if status != 201:
            raise RuntimeError(f"create: {status} {body!r}")


def measure(runs: int) -> list[Figure]:
    """Measure and print."""
    names = ("create", "remove", "connect", "disconnect")
    samples: dict[int, dict[str, list[float]]] = {count: {name: [] for name in names} for count in (FEW, MANY)}
    with engine("netwright") as few, engine("netwright") as many:
        for under_test, count in ((few, FEW), (many, MANY)):
            fill(under_test, count)
            busybox_image(under_test)
            under_test.docker("run", "-d", "--name", "member", "bench:latest", "sleep", "100000")
        for _ in range(runs + 1):
            for under_test, count in ((few, FEW), (many, MANY)):
                time.sleep(QUIET)
                made = network_times(under_test)
                time.sleep(QUIET)
                took = (*made, *connect_times(under_test, "member", "present3"))
                for name, one in zip(names, took, strict=True):
                    samples[count][name].append(one)
    found = [_figure(samples, (name,)) for name in names]
    found.append(_figure(samples, ("create", "remove"), TARGET))
    found.append(_figure(samples, ("connect", "disconnect"), TARGET))
    show(f"networks through the API, the better quarter of {runs} runs in turn", found, f"{MANY} there", f"{FEW} there")
    return found


def _figure(samples: dict[int, dict[str, list[float]]], names: tuple[str, ...], target: Target | None = None) -> Figure:
    sums = {
        count: quarter([sum(each) for each in zip(*(of[name][1:] for name in names), strict=True)])
        for count, of in samples.items()
    }
    return Figure(f"network {' + '.join(names)}, ms", sums[MANY], sums[FEW], target)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=25, help="counted runs of each measurement (default 25)")
    return exit_code(measure(parser.parse_args().runs))


if __name__ == "__main__":
    sys.exit(main())
