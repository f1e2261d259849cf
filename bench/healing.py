"""How long what others have undone stays undone: from the damage to the engine's word that it is put back.

    .venv/bin/python bench/healing.py [--endpoints N] [--ports N] [--rounds N]

The engine runs in namespaces of its own with endpoints on one bridge and published ports. What is timed includes the
start of the program that does the damage, and the 50 ms that the engine waits for a burst to be over.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from engines import ENVIRONMENT
from figures import Figure, Target, exit_code, quarter, show

_ALONE = ["unshare", "--net", "--mount", "--propagation", "private"]
_INSIDE = Path(__file__).with_name("healing_inside.py")

TARGET = Target("at most", 1000.0, of_ratio=False)


def measure(endpoints: int, ports: int, rounds: int) -> list[Figure]:
    """Measure and print."""
    numbers = [str(number) for number in (endpoints, ports, rounds)]
    inside = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, str(_INSIDE), "nftables", *numbers]
    done = subprocess.run([*_ALONE, *inside], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    samples: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    found = [Figure(f"{what}, ms", quarter(times), target=TARGET) for what, times in samples.items()]
    show(f"put back, {endpoints} endpoints and {ports} published ports", found)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=200, help="open sandboxes (default 200)")
    parser.add_argument("--ports", type=int, default=1000, help="published ports (default 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="damages of each kind (default 5)")
    given = parser.parse_args()
    return exit_code(measure(given.endpoints, given.ports, given.rounds))


if __name__ == "__main__":
    sys.exit(main())
