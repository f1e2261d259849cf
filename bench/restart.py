"""Restarts of the engine under load: how soon it is ready again, and what traffic loses meanwhile.

    .venv/bin/python bench/restart.py [--containers N] [--ports N] [--rounds N]

A machine of namespaces with a neighbour; connections through published ports and between containers, new connections,
and pings go on all the time. The engine is stopped, and killed, and started again. Ready is when it answers a ping.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from engines import ROOT
from figures import Curve, Figure, Target, exit_code, quarter, quietest, show

sys.path.append(str(ROOT / "tests" / "e2e"))

from load import IMAGE, Load
from machine import Engine, Machine

READY = Target("at most", 2000.0, of_ratio=False)
NOTHING = Target("at most", 0.0, of_ratio=False)

ENDS: Mapping[str, Callable[[Engine], object]] = {"stopped": Engine.stop, "killed": Engine.kill}


@contextlib.contextmanager
def loaded(containers: int, ports: int) -> Iterator[Load]:
    """Yield an engine under load on a machine of its own."""
    with bare() as engine:
        yield Load(engine, containers=containers, ports=ports, echoing=min(10, containers))


@contextlib.contextmanager
def bare() -> Iterator[Engine]:
    """Yield an engine with an image on a machine of its own that has a neighbour."""
    folder = Path(tempfile.mkdtemp(prefix="bench-restart-"))
    machine = Machine(folder)
    engine = Engine(machine, folder)
    try:
        engine.start()
        engine.docker("import", str(_image(folder)), IMAGE)
        yield engine
    finally:
        engine.close()
        machine.close()
        shutil.rmtree(folder, ignore_errors=True)


def _image(folder: Path) -> Path:
    root = folder / "image"
    (root / "bin").mkdir(parents=True)
    shutil.copy2("/bin/busybox", root / "bin" / "busybox")
    (root / "bin" / "sleep").symlink_to("busybox")
    return Path(shutil.make_archive(str(folder / "image"), "tar", root))


def _processor(engine: Engine) -> float:
    """Return the processor time that the engine has used since it was started, in ms (proc(5), in ticks of 10 ms)."""
    assert engine.process is not None
    fields = Path(f"/proc/{engine.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 10.0


def fewer(load: Load) -> Curve:
    """Return the milliseconds that a stopped engine takes to be ready again, with ever fewer containers."""
    points: list[tuple[float, float]] = []
    left = list(load.names)
    while left:
        gone, left = left[len(left) // 2 :], left[: len(left) // 2]
        for name in gone:
            load.engine.remove_container(name)
        took = []
        for _ in range(3):
            load.engine.stop()
            begin = time.perf_counter()
            load.engine.start()
            took.append((time.perf_counter() - begin) * 1000)
        points.append((float(len(left)), min(took)))
    return tuple(reversed(points))


def measure(containers: int, ports: int, rounds: int) -> list[Figure]:
    """Measure and print."""
    ready: dict[str, list[float]] = {end: [] for end in ENDS}
    work: list[float] = []
    with loaded(containers, ports) as load:
        engine = load.engine
        before = load.identity(), load.objects()
        load.begin()
        for _ in range(rounds):
            for name, end in ENDS.items():
                end(engine)
                begin = time.perf_counter()
                engine.start()
                ready[name].append((time.perf_counter() - begin) * 1000)
                work.append(_processor(engine))
        flows = load.end()
        changed = sum(one != other for one, other in zip(before, (load.identity(), load.objects()), strict=True))
        grown = fewer(load)
    found = [
        Figure(
            f"ready again after it was {name}, ms",
            quarter(times),
            target=READY,
            judged=quietest(times, 3),
            curve=(*grown, (float(containers), quarter(times))) if name == "stopped" else (),
        )
        for name, times in ready.items()
    ]
    found.append(Figure("  of it work of the processor, ms", quarter(work)))
    for kind, what in (("stream", "connections broken"), ("connect", "new connections failed"), ("ping", "pings lost")):
        mine = [flow for flow in flows if flow["kind"] == kind]
        sent = sum(flow["sent"] for flow in mine)
        found.append(Figure(f"{what}, of {sent}", sum(flow["lost"] for flow in mine), target=NOTHING))
    worst = max(flow["worst"] for flow in flows if flow["kind"] != "connect") * 1000
    found.append(Figure("longest answer on a standing flow, ms", worst))
    found.append(Figure("identities or interfaces that changed", changed, target=NOTHING))
    show(f"restarts with {containers} containers and {ports} published ports", found)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--containers", type=int, default=200, help="running containers (default 200)")
    parser.add_argument("--ports", type=int, default=400, help="published ports (default 400)")
    parser.add_argument("--rounds", type=int, default=3, help="restarts of each kind (default 3)")
    given = parser.parse_args()
    return exit_code(measure(given.containers, given.ports, given.rounds))


if __name__ == "__main__":
    sys.exit(main())
