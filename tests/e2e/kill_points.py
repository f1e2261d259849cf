"""Kill the real engine at every step of every kind of change, or let the step fail, and look what becomes of it.

    python tests/e2e/kill_points.py [--every N] [--fail] [--backend iptables] [SCENARIO...]

After each kill a new start must bring rows and machine to agree; what was answered as done is done, what was not is
whole or gone, object by object; a bystander runs on; and once the objects are removed, nothing at all is left of them:
links, addresses, routes, namespaces, mounts, cgroups, rules, sockets, processes, files. The exit code tells.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doomed_daemon import FAIL, KILL, OFF, Steering
from kill_scenarios import IMAGE, RUNNING, SCENARIOS, Request, Scenario, on
from machine import NETWRIGHT, Engine, Machine, processes_naming

from netwright.app import cgroup_tag

HERE = Path(__file__).parent

_LOOK = """
ip -o link show; echo; ip -o addr show; echo; ip route show; echo; ip -6 route show; echo; ss -Htuln; echo
cat /proc/self/mounts; echo; iptables-save; ip6tables-save; echo
sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding
"""
_PASSING = {"handle", "metainfo", "packets", "bytes", "counter"}


class DoomedEngine(Engine):
    """The daemon that dies when it is told."""

    def __init__(self, machine: Machine, folder: Path, *flags: str) -> None:
        super().__init__(machine, folder, *flags)
        self.steering = Steering(folder / "steering")

    def command(self) -> list[str]:
        """Return the doomed daemon's command line."""
        _, daemon, *options = super().command()
        assert daemon == "daemon"
        return [
            str(NETWRIGHT.parent / "python"),
            str(HERE / "doomed_daemon.py"),
            str(self.folder / "steering"),
            *options,
        ]

    def died(self, seconds: float) -> bool:
        """Wait a while for the engine's death; tell whether it has come."""
        assert self.process is not None
        with contextlib.suppress(Exception):
            self.process.wait(seconds)
        return self.process.poll() is not None


def ask(engine: Engine, request: Request) -> int:
    """Ask, and return the status; 0 where there is no answer."""
    try:
        return engine.call(*request)[0]
    except (OSError, EOFError) as error:
        del error
        return 0
    except Exception as error:
        if "RemoteDisconnected" in type(error).__name__ or "IncompleteRead" in type(error).__name__:
            return 0
        raise


def must(engine: Engine, request: Request) -> None:
    """Ask what has to succeed."""
    status, answer = engine.call(*request)
    assert status < 400, (request, status, answer)


def view(engine: Engine) -> dict[str, Any]:
    """Return every object as users see it, without what differs from one making to the next."""
    found: dict[str, Any] = {}
    _, networks = engine.call("GET", "/networks")
    assert isinstance(networks, list)
    for network in networks:
        found[f"network {network['Name']}"] = {"driver": network["Driver"], "ipv6": network["EnableIPv6"]}
    _, containers = engine.call("GET", "/containers/json?all=1")
    assert isinstance(containers, list)
    for summary in containers:
        _, one = engine.call("GET", f"/containers/{summary['Id']}/json")
        assert isinstance(one, dict)
        running = one["State"]["Status"] == "running"
        found[f"container {one['Name'][1:]}"] = {
            "status": one["State"]["Status"],
            "networks": sorted(one["NetworkSettings"]["Networks"]),
            "ports": one["NetworkSettings"]["Ports"] if running else None,
            "wishes": one["HostConfig"]["PortBindings"],
            "volumes": len(one["Mounts"]),
        }
    _, volumes = engine.call("GET", "/volumes")
    assert isinstance(volumes, dict)
    for number, _ in enumerate(volumes["Volumes"] or ()):
        found[f"volume {number}"] = True
    return found


def footprint(engine: Engine) -> dict[str, Any]:
    """Return everything that the engine has on its machine, without what passes by itself."""
    host = engine.machine.host
    links, addresses, routes4, routes6, sockets, mounts, iptables, switches = (
        part.splitlines() for part in host.run("sh", "-c", _LOOK).stdout.split("\n\n")
    )
    tag = cgroup_tag((engine.data_root / "engine-id").read_text().strip())
    root = Path("/sys/fs/cgroup")
    cgroups = {path.name for place in (root, *root.iterdir()) for path in (place / "netwright" / tag).glob("*/")}
    words = [Path(f"/proc/{pid}/cmdline") for pid in processes_naming(str(engine.folder))]
    conmons = []
    for path in words:
        with contextlib.suppress(OSError):
            argv = path.read_text().split("\0")
            if Path(argv[0]).name == "conmon":
                conmons.append(argv[argv.index("-c") + 1])
    folder = str(engine.folder)
    return {
        "links": sorted(line.split(": ")[1].partition("@")[0] for line in links if ": nwx" not in line),
        "addresses": sorted(" ".join(line.split()[1:4]) for line in addresses if " nwx" not in line),
        "routes": sorted(_route(line) for line in (*routes4, *routes6) if "nwx" not in line),
        "sockets": sorted(" ".join(line.split()[:5]) for line in sockets),
        "mounts": sorted(line.split()[1] for line in mounts if folder in line.split()[1]),
        "iptables": sorted(line for line in iptables if line.startswith("-A")),
        "switches": switches,
        "nft": ruleset(host.run("nft", "-j", "list", "ruleset").stdout),
        "cgroups": sorted(cgroups),
        "conmons": sorted(conmons),
        "files": sorted(
            str(path.relative_to(engine.folder))
            for directory in ("data/containers", "data/volumes", "exec/containers", "exec/runtime", "exec/netns")
            for path in (engine.folder / directory).glob("*")
        ),
    }


def _route(line: str) -> str:
    """Return a route without what the kernel notes of its link at the moment."""
    return line.split(" metric", maxsplit=1)[0].replace(" linkdown", "").strip()


def ruleset(text: str) -> list[str]:
    """Return a ruleset as comparable lines: no counters, no handles, elements in one order."""
    return sorted(
        json.dumps(_plain(one), sort_keys=True) for one in json.loads(text)["nftables"] if "metainfo" not in one
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {key: _plain(entry) for key, entry in value.items() if key not in _PASSING}
        if "elem" in plain and isinstance(plain["elem"], list):
            plain["elem"] = sorted(plain["elem"], key=lambda one: json.dumps(one, sort_keys=True))
        return plain
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return in words where two footprints differ."""
    return [
        f"{key}: {sorted(map(str, set(map(str, before[key])) ^ set(map(str, after[key]))))}"
        for key in before
        if before[key] != after[key]
    ]


@dataclass
class Outcome:
    """How many points were tried, and what went wrong at which."""

    points: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Life:
    """A start with further flags after a kill and damage; or an orderly end, which may end containers."""

    flags: tuple[str, ...] = ()
    stops: bool = False
    ends_containers: bool = False


LIVES = {
    "engine start": Life(),
    "engine stop": Life(stops=True),
    "engine stop with containers": Life(
        flags=("--live-restore=false", "--shutdown-timeout=0"), stops=True, ends_containers=True
    ),
    "backend switch": Life(flags=("--firewall-backend=iptables",)),
}

_DAMAGE = """
ip link del $(ip -br link show type veth | grep -o '^veth[^@]*' | tail -1)
ip addr flush dev docker0
ip link add vethdead group $(cat /sys/class/net/docker0/netdev_group) type veth peer name vethdeadp
touch {exec}/netns/0123456789ab; mount --bind /proc/self/ns/net {exec}/netns/0123456789ab
for table in $(nft list tables | grep -o 'inet netwright-.*' | cut -d' ' -f2); do nft delete table inet $table; done
"""


def damage(engine: Engine) -> None:
    """Do to the machine what a start has to make good: cut a wire, take addresses and rules, leave strays."""
    engine.machine.host.run("sh", "-c", _DAMAGE.format(exec=engine.exec_root), check=False)
    stray = engine.data_root / "containers" / ("d" * 64)
    stray.mkdir(exist_ok=True)


class Trial:
    """One engine whose changes are disturbed; a bystander has to run on through all of it."""

    def __init__(self, engine: DoomedEngine) -> None:
        self.engine = engine
        for request in (
            ("POST", "/networks/create", {"Name": "blue", "EnableIPv6": True}),
            (
                "POST",
                "/containers/create?name=bystander",
                {
                    "Image": IMAGE,
                    "Cmd": ["sleep", "100000"],
                    "HostConfig": {"NetworkMode": "blue", "PortBindings": {"80/tcp": [{"HostPort": "9999"}]}},
                },
            ),
            ("POST", "/containers/bystander/start", None),
        ):
            must(engine, request)
        self.empty = footprint(engine)
        self.bystander = self._bystander()

    def _bystander(self) -> Any:
        _, shown = self.engine.call("GET", "/containers/bystander/json")
        assert isinstance(shown, dict)
        networks = shown["NetworkSettings"]["Networks"]["blue"]
        return shown["State"]["Pid"], networks["IPAddress"], networks["GlobalIPv6Address"], networks["MacAddress"]

    def clean(self) -> list[str]:
        """Remove all but the bystander; return what could not be removed at the first attempt."""
        engine = self.engine
        refused = []
        _, containers = engine.call("GET", "/containers/json?all=1")
        assert isinstance(containers, list)
        for one in containers:
            if one["Names"] != ["/bystander"]:
                removal: Request = ("DELETE", f"/containers/{one['Id']}?force=1&v=1", None)
                status, answer = engine.call(*removal)
                if status >= 400:
                    refused.append(f"the removal of {one['Names'][0]} is refused: {answer}")
                    must(engine, removal)
        # As in Docker, a prune of containers leaves their anonymous volumes.
        must(engine, ("POST", "/volumes/prune", None))
        _, networks = engine.call("GET", "/networks?filters=%7B%22type%22%3A%5B%22custom%22%5D%7D")
        assert isinstance(networks, list)
        for one in networks:
            if one["Name"] != "blue":
                must(engine, ("DELETE", f"/networks/{one['Id']}", None))
        return refused

    def left(self, wanted: dict[str, Any] | None = None) -> list[str]:
        """Return where the machine is not as it should be: as before anything was made, unless another is wanted."""
        deadline = time.monotonic() + 5
        while (found := differing(wanted or self.empty, footprint(self.engine))) and time.monotonic() < deadline:
            pass  # conmon ends, and the kernel forgets addresses, some milliseconds later
        return found

    def states(self, scenario: Scenario) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the view before what is asked, and the views that it may lead to."""
        for request in scenario.before:
            must(self.engine, request)
        before = view(self.engine)
        self.engine.steering.set(OFF, 0)
        must(self.engine, scenario.asked)
        self._settled(scenario)
        after = view(self.engine)
        self.clean()
        assert not (found := self.left()), found
        return before, [after, *(make(before) for make in scenario.instead)]

    def _settled(self, scenario: Scenario) -> None:
        """Wait for what an answer does not wait for: the removal of a container that ends with --rm."""
        if any("AutoRemove" in json.dumps(request[2]) for request in scenario.before):
            ask(self.engine, ("POST", "/containers/web/wait?condition=removed", None))

    def run(self, name: str, mode: int, points: Iterator[int]) -> Outcome:
        """Disturb a scenario at these points, until one comes at which it is over before."""
        scenario, outcome = SCENARIOS[name], Outcome()
        before, after = self.states(scenario)
        for point in points:
            for request in scenario.before:
                must(self.engine, request)
            self.engine.steering.set(mode, point)
            status = ask(self.engine, scenario.asked)
            if status:
                self._settled(scenario)
            if self.engine.steering.get()[2] < point:
                self.engine.steering.set(OFF, 0)
                self.clean()
                break
            outcome.points += 1
            step = self.engine.steering.step
            faults = self._judged(before, after, status, mode)
            outcome.faults += [f"{name}, point {point}, {step}: {fault}" for fault in faults]
        return outcome

    def _judged(self, before: dict[str, Any], after: Sequence[dict[str, Any]], status: int, mode: int) -> list[str]:
        """Return what is wrong after a disturbance, and clean up."""
        faults: list[str] = []
        if mode == KILL:
            if not self.engine.died(10):
                return ["the engine did not die"]
            self.engine.steering.set(OFF, 0)
            self.engine.start()
        else:
            self.engine.steering.set(OFF, 0)
            must(self.engine, ("POST", "/netwright/repair", None))
        _, differences = self.engine.call("GET", "/netwright/check")
        faults += [f"a check tells {differences}"] if differences else []
        now = view(self.engine)
        allowed = [after[0]] if mode == KILL and 200 <= status < 300 else [before, *after]
        for key in {*now, *before, *after[0]}:
            if all(now.get(key) != state.get(key) for state in allowed):
                faults.append(
                    f"{key} is {now.get(key)} after status {status}, neither {before.get(key)} nor {after[0].get(key)}"
                )
        if (there := self._bystander()) != self.bystander:
            faults.append(f"the bystander is {there}, and was {self.bystander}")
        faults += self.clean()
        faults += [f"left: {what}" for what in self.left()]
        return faults

    def run_life(self, name: str, mode: int, points: Iterator[int]) -> Outcome:
        """Disturb a start or an end of the engine itself at these points, until it is over before."""
        engine, life, outcome = self.engine, LIVES[name], Outcome()
        for request in RUNNING:
            must(engine, request)
        flags = engine.flags
        self._live(life, OFF, 0)
        if life.ends_containers:
            self._start_again()
        before, whole = view(engine), footprint(engine)
        for point in points:
            self._come_back(flags)
            reached = self._live(life, mode, point)
            if life.ends_containers:
                self._start_again()
            if not reached:
                break
            outcome.points += 1
            step = engine.steering.step
            _, differences = engine.call("GET", "/netwright/check")
            faults = [f"a check tells {differences}"] if differences else []
            faults += [
                f"{key} is {now}, was {before.get(key)}" for key, now in view(engine).items() if now != before[key]
            ]
            if (there := self._bystander()) != self.bystander:
                faults.append(f"the bystander is {there}, and was {self.bystander}")
            faults += [f"differs: {what}" for what in self.left(whole)]
            outcome.faults += [f"{name}, point {point}, {step}: {fault}" for fault in faults]
        self._come_back(flags)
        self.clean()
        return outcome

    def _live(self, life: Life, mode: int, point: int) -> bool:
        """End the engine and start it, disturbed at one point; tell whether it came to that."""
        engine = self.engine
        assert engine.process is not None
        if life.stops:
            if life.flags:
                engine.stop()
                engine.flags = (*engine.flags, *life.flags)
                engine.start()
                self._start_again()
            engine.steering.set(mode, point)
            engine.process.send_signal(signal.SIGTERM)
            engine.process.wait(60)
        else:
            engine.kill()
            damage(engine)
            engine.flags = (*engine.flags, *life.flags)
            engine.steering.set(mode, point)
            with contextlib.suppress(AssertionError):
                engine.start()
            if mode == KILL and engine.steering.get()[2] >= point:
                engine.died(10)
        reached = engine.steering.get()[2] >= point
        engine.steering.set(OFF, 0)
        if engine.process is None or engine.process.poll() is not None:
            engine.start()
        elif mode == FAIL:
            must(engine, ("POST", "/netwright/repair", None))
        return reached

    def _start_again(self) -> None:
        """Start the containers that have ended with the engine: they have to be what they were, but for the process."""
        for name in ("web", "bystander"):
            must(self.engine, on(name, "start"))
        there = self._bystander()
        assert there[1:] == self.bystander[1:], (there, self.bystander)
        self.bystander = there

    def _come_back(self, flags: tuple[str, ...]) -> None:
        """Go back to an engine of the first kind."""
        if self.engine.flags != flags:
            self.engine.stop()
            self.engine.flags = flags
            self.engine.start()


@contextlib.contextmanager
def trial(folder: Path, *flags: str) -> Iterator[Trial]:
    """Yield a trial on a machine of its own."""
    machine = Machine(folder)
    engine = DoomedEngine(machine, folder, *flags)
    try:
        engine.start()
        engine.docker("import", str(image(folder)), IMAGE)
        yield Trial(engine)
    finally:
        engine.steering.set(OFF, 0)
        engine.close()
        machine.close()


def image(folder: Path) -> Path:
    """Make a tar of a root filesystem with nothing but what sleeps."""
    path = folder / "image.tar"
    with tarfile.open(path, "w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        tar.add("/bin/busybox", "bin/sleep")
    return path


def tell(line: str) -> None:
    """Write a line at once: a whole run takes its time."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Try what is named on the command line; return 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every Nth point")
    parser.add_argument("--fail", action="store_true", help="let steps fail instead of killing the engine")
    parser.add_argument("--backend", default="nftables", choices=("nftables", "iptables"))
    parser.add_argument("scenarios", nargs="*", default=[*SCENARIOS, *LIVES])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="netwright-kill-"))
    points, faults = 0, []
    try:
        with trial(folder, f"--firewall-backend={options.backend}") as one:
            for name in options.scenarios:
                begin = time.monotonic()
                steps = iter(range(1, 10_000, options.every))
                run = one.run if name in SCENARIOS else one.run_life
                outcome = run(name, FAIL if options.fail else KILL, steps)
                points += outcome.points
                faults += outcome.faults
                took = time.monotonic() - begin
                tell(f"{name:30} {outcome.points:4} points, {len(outcome.faults)} faults, {took:.0f} s")
                for fault in outcome.faults:
                    tell(f"    {fault}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tell(f"{points} points, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("run this as root: it makes network namespaces")
    sys.exit(main())
