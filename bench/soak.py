"""Whether anything grows while things are made and removed for a long time at full rate.

    .venv/bin/python bench/soak.py [--minutes N] [--clients N]

Clients make networks and containers, attach, publish, kill and remove on a machine of its own. What the
engine and its companions hold, and what the kernel holds for them, is counted every ten seconds; the counts of the last
quarter stand beside those of the second, when everything has been done often.
"""

import argparse
import contextlib
import re
import statistics
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from engines import ROOT
from figures import Figure, Target, exit_code, show
from restart import bare

sys.path.append(str(ROOT / "tests" / "e2e"))

from load import IMAGE
from machine import Engine, processes_naming

INTERVAL = 10.0
FLAT = Target("at most", 1.1)
NOTHING = Target("at most", 0.0, of_ratio=False)

_LEFT = """
ip -o link | cut -d: -f2 | grep -v '^ nwx' | sort; ls {exec}/netns; grep -o '{folder}[^ ]*' /proc/self/mounts
ls {data}/containers {data}/volumes {exec}/containers 2>/dev/null | grep -v ':$'
ss -Htuln | tr -s ' ' | cut -d' ' -f1,5 | sort
"""


class Client(threading.Thread):
    """Makes and removes, in a loop, with names and ports of its own."""

    def __init__(self, engine: Engine, number: int, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._name = f"soak{number}"
        self._port = 20_000 + number * 10
        self._end = end
        self.turns = 0
        self.failure = ""

    def run(self) -> None:
        """Turn until the end."""
        while not self._end.is_set() and not self.failure:
            self._turn()
            self.turns += 1

    def _turn(self) -> None:
        name, port = self._name, self._port
        bindings = {"80/tcp": [{"HostPort": str(port)}], "53/udp": [{"HostPort": str(port)}]}
        host = {"NetworkMode": name, "PortBindings": bindings}
        body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "Volumes": {"/data": {}}, "HostConfig": host}
        more = {"Ports": {"81/tcp": [{"HostPort": str(port + 1)}]}}
        for method, path, sent in (
            ("POST", "/networks/create", {"Name": name, "EnableIPv6": True}),
            ("POST", f"/containers/create?name={name}", body),
            ("POST", f"/containers/{name}/start", None),
            ("POST", "/networks/bridge/connect", {"Container": name}),
            ("POST", f"/netwright/containers/{name}/publish", more),
            ("POST", f"/containers/{name}/kill", None),
            ("DELETE", f"/containers/{name}?force=1&v=1", None),
            ("DELETE", f"/networks/{name}", None),
        ):
            status, answer = self._engine.call(method, path, sent)
            if status >= 400:
                self.failure = f"{method} {path}: {status} {answer}"
                return


def counts(engine: Engine) -> dict[str, float]:
    """Return what is held now by the engine and its companions, and by the kernel for everybody."""
    found: dict[str, float] = {}
    for pid in processes_naming(str(engine.folder)):
        # Monitors and runtimes come and go while they are looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            place = " ".join(words[:6])
            kind = next((one for one in ("keeper", "resolver", "daemon") if one in place), "")
            if not kind or "conmon" in words[0]:
                continue
            status = Path(f"/proc/{pid}/status").read_text()
            found[f"files of {kind}"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            found[f"memory of {kind}, MB"] = int(status.split("VmRSS:")[1].split()[0]) / 1024
            found[f"threads of {kind}"] = int(status.split("Threads:")[1].split()[0])
    slab = re.search(r"^net_namespace\s+(\d+)", Path("/proc/slabinfo").read_text(), re.MULTILINE)
    if slab is not None:
        found["network namespaces in the kernel (all of the machine)"] = int(slab[1])
    found["store, MB"] = (engine.data_root / "netwright.db").stat().st_size / 1e6
    return found


def left(engine: Engine) -> list[str]:
    """Return the links, namespaces, mounts, directories and sockets that are there."""
    script = _LEFT.format(exec=engine.exec_root, data=engine.data_root, folder=engine.folder)
    return engine.machine.host.run("sh", "-c", script, check=False).stdout.splitlines()


def measure(minutes: float, clients: int) -> list[Figure]:
    """Measure and print."""
    with bare() as engine:
        before = left(engine)
        end = threading.Event()
        threads = [Client(engine, number, end) for number in range(clients)]
        for thread in threads:
            thread.start()
        samples: list[Mapping[str, float]] = []
        deadline = time.monotonic() + minutes * 60
        while time.monotonic() < deadline and not any(thread.failure for thread in threads):
            end.wait(min(INTERVAL, minutes * 60 / 8))
            samples.append(counts(engine))
        end.set()
        for thread in threads:
            thread.join()
        for thread in threads:
            if thread.failure:
                sys.exit(f"after {sum(one.turns for one in threads)} turns: {thread.failure}")
        status, differences = engine.call("GET", "/netwright/check")
        remains = sorted(set(left(engine)) ^ set(before))
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    found = [
        Figure(name, _mean(late, name), _mean(early, name), FLAT if name.startswith(("files", "memory")) else None)
        for name in samples[-1]
    ]
    found.append(
        Figure("differences that a check tells", len(differences) if isinstance(differences, list) else status)
    )
    found.append(Figure("links, namespaces, mounts, files, sockets left", len(remains), target=NOTHING))
    turns = sum(thread.turns for thread in threads)
    show(f"{turns} turns of making and removing in {minutes:g} minutes by {clients} clients", found, "late", "early")
    for one in remains:
        print(f"  left: {one}")
    return found


def _mean(samples: list[Mapping[str, float]], name: str) -> float:
    return statistics.mean(sample[name] for sample in samples if name in sample)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default 60)")
    parser.add_argument("--clients", type=int, default=4, help="at once (default 4)")
    given = parser.parse_args()
    return exit_code(measure(given.minutes, given.clients))


if __name__ == "__main__":
    sys.exit(main())
