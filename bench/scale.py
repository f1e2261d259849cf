"""Does it stay as quick with a thousand? Attaching on one large network, and on many small ones; the engine's memory.

    .venv/bin/python bench/scale.py [--count N]

The network engine runs in namespaces of its own. Of the first and of the last twenty attaches the better quarter
counts; before each, what the one before it has begun in the background comes to its end. When all are removed, twenty
first ones follow once more, and the better of both is what the last stand beside: a machine that was slower at the
beginning would flatter them.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines import ENVIRONMENT
from figures import Figure, Target, curve, exit_code, quarter, show

_ALONE = ["unshare", "--net", "--mount", "--propagation", "private"]
_INSIDE = Path(__file__).with_name("scale_inside.py")

FLAT = Target("at most", 1.5)
MEMORY = Target("at most", 200.0, of_ratio=False)


def measure(count: int) -> list[Figure]:
    """Measure and print."""
    inside = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, str(_INSIDE), str(count)]
    done = subprocess.run([*_ALONE, *inside], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    samples: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])

    def grown(what: str, name: str, target: Target | None = FLAT) -> Figure:
        return Figure(what, *_edges(samples, name), target, curve=curve(samples.get(f"{name}, all", ())))

    found = [
        grown(f"attach, {count}th on one network, ms", "one network"),
        Figure("  of it work of the processor, ms", *_work(samples, "one network")),
        grown(f"attach, on the {count}th network, ms", "many networks"),
        Figure("  of it work of the processor, ms", *_work(samples, "many networks")),
        grown(f"making the {count}th network, ms", "making a network", None),
        Figure(f"memory with {count} endpoints, MB", samples["memory, one network"][0], target=MEMORY),
        Figure(f"memory with {count} networks, MB", samples["memory, many networks"][0], target=MEMORY),
        Figure(f"check of {count} endpoints, ms", samples["check"][0]),
    ]
    show(f"growth to {count}", found, "the last", "the first")
    return found


def _edges(samples: Mapping[str, Sequence[float]], name: str) -> tuple[float, float]:
    """Return the better quarter of the last samples, and of the first or of those that are first again."""
    return quarter(samples[f"{name}, last"]), min(quarter(samples[f"{name}, {edge}"]) for edge in ("first", "again"))


def _work(samples: Mapping[str, Sequence[float]], name: str) -> tuple[float, float]:
    """Return the mean of the processor's time, which is counted in ticks."""
    last, *first = (statistics.mean(samples[f"work, {name}, {edge}"]) for edge in ("last", "first", "again"))
    return last, min(first)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="endpoints, and networks (default 1000)")
    return exit_code(measure(parser.parse_args().count))


if __name__ == "__main__":
    sys.exit(main())
