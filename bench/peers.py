"""A sandbox with one published port attached and detached: beside netavark, and beside the CNI plugins.

    .venv/bin/python bench/peers.py [--rounds N]

All three work in one pair of namespaces, in turn. Netwright's figure has the making of the network namespace, the rows
on disk and the held port in it; to the others the namespace is given. They are programs that are started for each
attach, which is what podman and container runtimes do.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from engines import ENVIRONMENT
from figures import Figure, Target, exit_code, quarter, show

_ALONE = ["unshare", "--net", "--mount", "--propagation", "private"]
_INSIDE = Path(__file__).with_name("peers_inside.py")

BEST = Target("at most", 1.0)


def measure(rounds: int) -> list[Figure]:
    """Measure and print."""
    inside = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, str(_INSIDE), str(rounds)]
    done = subprocess.run([*_ALONE, *inside], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    samples: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    found = []
    for who in ("netavark", "cni"):
        for verb in ("attach", "detach"):
            mine, theirs = quarter(samples[f"{verb} netwright"]), quarter(samples[f"{verb} {who}"])
            found.append(Figure(f"{verb} with a port, beside {who}, ms", mine, theirs, BEST))
    show(f"one-shot peers, {rounds} rounds", found, theirs="peer")
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="attaches of each (default 20)")
    return exit_code(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    sys.exit(main())
