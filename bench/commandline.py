"""A cold start of the command line: `netwright network ls` beside `docker network ls`, both asking one engine.

.venv/bin/python bench/commandline.py [--runs N]
"""

import argparse
import subprocess
import sys
import time

from engines import ENVIRONMENT, ROOT, Engine, engine
from figures import Figure, Target, exit_code, quarter, quietest, show

TARGET = Target("at most", 100.0, of_ratio=False)


def taken(under_test: Engine, program: str) -> float:
    """Return the milliseconds of one listing, from the start of the process to its end."""
    argv = under_test.inside(program, "-H", f"unix://{under_test.socket}", "network", "ls")
    begin = time.perf_counter()
    subprocess.run(argv, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000


def measure(runs: int) -> list[Figure]:
    """Measure and print."""
    own = str(ROOT / ".venv" / "bin" / "netwright")
    ours, theirs = [], []
    with engine("netwright") as under_test:
        for _ in range(runs + 1):
            ours.append(taken(under_test, own))
            theirs.append(taken(under_test, "docker"))
    ours, theirs = ours[1:], theirs[1:]
    found = [
        Figure("network ls, ms", quarter(ours), quarter(theirs), TARGET, quietest(ours)),
        Figure("network ls, best, ms", min(ours), min(theirs)),
    ]
    show(f"cold start of the command line, {runs} runs in turn", found)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="counted runs (default 20)")
    return exit_code(measure(parser.parse_args().runs))


if __name__ == "__main__":
    sys.exit(main())
