"""All benchmarks one after the other, as `make bench` runs them; exit code 1 where a target is missed.

    .venv/bin/python bench/all.py [--output DIRECTORY] [--only NAME...]

Besides printing, it writes one table of everything, `bench.md` for people and `bench.json` for programs, and pictures
(`bench/plots.py`). Beside Docker's daemon stand, for what they do, netavark and the CNI plugins. `soak.py` takes an
hour and is a command of its own.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import attach
import commandline
import compare
import crowd
import dns
import healing
import ipam
import networks
import peers
import plots
import proxy
import publish
import restart
import scale
from engines import ROOT
from figures import Figure, exit_code, show


def _names() -> list[Figure]:
    found = dns.measure(5, 2)
    show("names", found)
    return found


ALL: dict[str, Callable[[], Sequence[Figure]]] = {
    "addresses": lambda: ipam.measure(10_000, 1),
    "attach": lambda: attach.measure(8),
    "beside Docker": lambda: compare.measure(15),
    "beside one-shot programs": lambda: peers.measure(20),
    "healing": lambda: healing.measure(200, 1000, 5),
    "networks": lambda: networks.measure(25),
    "command line": lambda: commandline.measure(20),
    "ports": lambda: publish.measure(10),
    "names": _names,
    "many starts": lambda: crowd.measure(200, 20_000, 20),
    "proxy": lambda: proxy.measure(10),
    "restart": lambda: restart.measure(200, 400, 3),
    "growth": lambda: scale.measure(1000),
}


def table(found: dict[str, Sequence[Figure]], busy: str) -> str:
    """Return everything as one table in markdown."""
    lines = [busy, "", "| | what | netwright | beside | ratio | target | verdict |", "|---|---|---:|---:|---:|---|---|"]
    for name, figures in found.items():
        for figure in figures:
            beside = "" if figure.theirs is None else f"{figure.theirs:.2f}"
            ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
            cells = [
                name,
                figure.what.strip(),
                f"{figure.ours:.2f}",
                beside,
                ratio,
                str(figure.target or ""),
                figure.verdict,
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def document(found: dict[str, Sequence[Figure]]) -> str:
    """Return everything as JSON."""
    rows = [
        {"benchmark": name, **asdict(figure), "ratio": figure.ratio, "verdict": figure.verdict}
        for name, figures in found.items()
        for figure in figures
    ]
    return json.dumps(rows, indent=1) + "\n"


def main() -> int:
    """Measure everything, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / ".cache" / "bench", help="where the tables are written")
    parser.add_argument("--only", nargs="*", choices=tuple(ALL), default=tuple(ALL), help="some of the benchmarks")
    given = parser.parse_args()
    busy = f"Load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors."
    print(busy, "Where it is more than 0.5, trust ratios, not milliseconds.")
    found = {name: ALL[name]() for name in given.only}
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "bench.md").write_text(table(found, busy))
    (given.output / "bench.json").write_text(document(found))
    pictures = ", ".join(path.name for path in plots.write(found, given.output))
    print(f"\nwritten to {given.output}: bench.md, bench.json{pictures and f', {pictures}'}")
    return exit_code([figure for figures in found.values() for figure in figures])


if __name__ == "__main__":
    sys.exit(main())
