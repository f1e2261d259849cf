"""Attaching an endpoint inside the running engine, beside the kernel's own share of it.

    .venv/bin/python bench/attach.py [--rounds N]

The engine runs in network, mount and process namespaces of its own, with 25 open sandboxes on another network. Each
attach is the engine's whole work: a place in the sandbox, an address, rows on disk, firewall, the veth pair on its
bridge, address, routes, and the names that the network's other members may ask for.

In turn with it the same objects are made with messages that were encoded beforehand, and only the kernel's work on them
is timed: what no engine could do without.

That no process is started is counted: the number of the last process or thread that was started in the process
namespace is the same before and after. The iptables backend cannot do without its programs.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from engines import ENVIRONMENT
from figures import Figure, Target, exit_code, quarter, quietest, show

_ALONE = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private"]
_INSIDE = Path(__file__).with_name("attach_inside.py")

TARGET = Target("at most", 3.0, of_ratio=False)
PARTS = ("Python", "kernel", "programs")
"""Where the processor's time goes: the interpreter, system calls, programs that are started."""
NO_PROCESS = Target("at most", 0.0, of_ratio=False)


def sample(backend: str, rounds: int) -> dict[str, list[float]]:
    """Measure a backend in namespaces of its own."""
    inside = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, str(_INSIDE), backend, str(rounds)]
    done = subprocess.run([*_ALONE, *inside], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    samples: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return samples


def figures(backend: str, samples: dict[str, list[float]]) -> list[Figure]:
    """Return what is shown of a backend; the targets are the default backend's."""
    asked = backend == "nftables"
    attach, quiet = quarter(samples["attach"]), quietest(samples["attach"], 25)
    parts = {name: quarter(samples[name]) for name in ("links", "elements", "row")}
    work = [
        Figure(f"  {verb}: work of the processor in {part}, {backend}, ms", statistics.mean(samples[f"{verb}, {part}"]))
        for verb in ("attach", "detach")
        for part in PARTS
    ]
    return [
        Figure("attach, ms", attach, sum(parts.values()), TARGET if asked else None, quiet if asked else None),
        Figure("  of it links, address, route: the kernel alone", parts["links"]),
        Figure("  of it elements of the firewall: nothing else", parts["elements"]),
        Figure("  beside it a row on its way to the disk", parts["row"]),
        Figure("detach, ms", quarter(samples["detach"])),
        Figure("processes and threads started", sum(samples["started"]), target=NO_PROCESS if asked else None),
        *work,
    ]


def measure(rounds: int) -> list[Figure]:
    """Measure both backends and print."""
    every = []
    for backend in ("nftables", "iptables"):
        found = figures(backend, sample(backend, rounds))
        show(f"attach in the engine, {backend} backend, {rounds} rounds of 25", found, theirs="bare")
        every += found
    return every


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="of 25 attaches each (default 8)")
    return exit_code(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    sys.exit(main())
