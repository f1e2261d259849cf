"""All benchmarks one after the other, as `make bench` runs them; exit code 1 where a target is missed.

.venv/bin/python bench/all.py
"""

import os
import sys

import attach
import commandline
import compare
import crowd
import dns
import healing
import ipam
import networks
import proxy
import publish
from figures import exit_code, show


def main() -> int:
    """Measure everything and print."""
    load = os.getloadavg()[0]
    print(f"load average before: {load:.1f} on {os.cpu_count()} processors", end="")
    print(" (busy: trust ratios, not milliseconds)" if load > 0.5 else "")
    found = [*ipam.measure(10_000, 1), *attach.measure(8), *compare.measure(15)]
    found += [*healing.measure(200, 1000, 5)]
    found += [*networks.measure(25), *commandline.measure(20), *publish.measure(10), *proxy.measure(10)]
    found += [*crowd.measure(200, 20_000, 20)]
    names = dns.measure(5, 2)
    show("names", names)
    found += names
    print()
    return exit_code(found)


if __name__ == "__main__":
    sys.exit(main())
