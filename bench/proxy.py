"""The relay of published ports beside docker-proxy: throughput, and the processor time that it takes.

    .venv/bin/python bench/proxy.py [--rounds N]

Both relay the same server in a namespace of its own for clients on 127.0.0.1, and are measured in turn: one stream, new
connections one after the other, and datagrams there and back, 32 on their way. docker-proxy is Debian's, started as
Docker's daemon does, one process a port; ours is one for all ports. Only what the kernel cannot translate goes by it:
::1, IPv6 to containers without it, and, with the iptables backend and --userland-proxy, 127.0.0.1.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from engines import ENVIRONMENT
from figures import Figure, Target, exit_code, quarter, show

_ALONE = ["unshare", "--net", "--mount", "--propagation", "private"]
_INSIDE = Path(__file__).with_name("proxy_inside.py")

STREAM = Target("at least", 1.0)


def measure(rounds: int) -> list[Figure]:
    """Measure and print."""
    inside = ["sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, str(_INSIDE), str(rounds)]
    done = subprocess.run([*_ALONE, *inside], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    samples: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])

    def figure(what: str, name: str, target: Target | None = None, *, rate: bool = True) -> Figure:
        ours, theirs = (quarter(samples[f"{name} {whose}"], more_is_better=rate) for whose in ("ours", "theirs"))
        return Figure(what, ours, theirs, target)

    found = [
        figure("one stream, Gbit/s", "stream", STREAM),
        figure("processor time of the relay, ms a GB", "processor", rate=False),
        figure("new connections, 1/s", "connections"),
        figure("datagrams there and back, 1/s", "datagrams"),
    ]
    show(f"the relay beside docker-proxy, the better quarter of {rounds} rounds in turn", found)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="counted rounds of each (default 10)")
    return exit_code(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    sys.exit(main())
