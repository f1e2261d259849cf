"""Kill the real engine at every step of every kind of change, or let the step fail, and look what becomes of it.

    python tests/e2e/kill_points.py [--every N] [--fail] [--backend iptables] [SCENARIO...]

After each kill a new start must bring rows and machine to agree; what was answered as done is done, what was not is
whole or gone, object by object; a bystander runs on; and once the objects are removed, nothing at all is left of them:
links, addresses, routes, namespaces, mounts, cgroups, rules, sockets, processes, files. After each failure the answer
has to say what failed, what was asked must not have happened by half, and the same request once more must succeed. The
exit code tells.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doomed_daemon import FAIL, KILL, OFF, Steering, serve
from forked import Forked
from kill_scenarios import IMAGE, PLUGIN, RUNNING, SCENARIOS, Request, Scenario, on
from machine import Engine, Machine, Process, UnixConnection, processes_naming
from plugin_process import Plugin, place

from netwright.app import cgroup_tag

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

    def launched(self) -> Process:
        """Let the doomed daemon run."""
        _, daemon, *options = self.command()
        assert daemon == "daemon"
        steering = self.folder / "steering"
        return Forked(lambda: serve(steering, options), beside=self.machine.host.pid, log=self.log)

    def close(self) -> None:
        """Take everything down in peace; where that fails, end all that would live on, whatever is left of it."""
        self.steering.set(OFF, 0)
        try:
            super().close()
        except (AssertionError, OSError):
            self.kill()
            tag = cgroup_tag((self.data_root / "engine-id").read_text().strip())
            listed = [
                path.read_text().split() for path in Path("/sys/fs/cgroup").glob(f"*/netwright/{tag}/*/cgroup.procs")
            ]
            for pid in {*processes_naming(str(self.folder)), *(int(one) for some in listed for one in some)}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._remove_cgroups()
            raise

    def died(self, seconds: float) -> bool:
        """Wait a while for the engine's death; tell whether it has come."""
        assert self.process is not None
        with contextlib.suppress(Exception):
            self.process.wait(seconds)
        return self.process.poll() is not None


def ask(engine: Engine, request: Request) -> tuple[int, object]:
    """Ask, and return status and answer; 0 where there is none."""
    try:
        return engine.call(*request)
    except (OSError, EOFError, http.client.IncompleteRead) as error:
        return 0, str(error)


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
            "hosts file": _names_itself(one) if running else None,
        }
    _, volumes = engine.call("GET", "/volumes")
    assert isinstance(volumes, dict)
    for number, _ in enumerate(volumes["Volumes"] or ()):
        found[f"volume {number}"] = True
    return found


def _names_itself(one: dict[str, Any]) -> bool:
    """Tell whether the hosts file of a container names just the addresses that it has."""
    networks = one["NetworkSettings"]["Networks"].values()
    own = {network[key] for network in networks for key in ("IPAddress", "GlobalIPv6Address")} - {""}
    lines = [line.split() for line in Path(one["HostsPath"]).read_text().splitlines()]
    return own == {words[0] for words in lines if words[1:] == [one["Config"]["Hostname"]]}


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


@dataclass(frozen=True)
class Told:
    """What came of a request of which a step failed, and what the log says of it."""

    status: int
    answer: object
    log: str

    def faults(self, words: str) -> list[str]:
        """Return what is wrong: nothing may hang, hide what failed, or be the engine's own fault."""
        faults = []
        if "Traceback" in self.log:
            faults.append(f"the log has a traceback: ...{self.log.partition('Traceback')[2][-700:]}")
        if self.status == 0:
            faults.append(f"there is no answer: {self.answer}")
        elif self.status >= 400 and words not in str(self.answer):
            faults.append(f"the answer {self.status} {self.answer} does not say {words!r}")
        elif words not in self.log:
            faults.append(f"the answer is {self.status}, and the log does not say {words!r}: {self.log}")
        return faults


def _is_dead(shown: Any) -> bool:
    """Tell whether something is shown as what could not be removed as a whole."""
    return isinstance(shown, dict) and shown.get("status") == "dead"


def _whole_or_gone(now: dict[str, Any], allowed: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is, object by object, as in none of these states."""
    return [
        f"{key} is {now.get(key)}, none of {[state.get(key) for state in allowed]}"
        for key in {*now, *(key for state in allowed for key in state)}
        if all(now.get(key) != state.get(key) for state in allowed)
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
    "backend switch back": Life(flags=("--firewall-backend=nftables",)),
}

_DAMAGE = """
ip link del $(ip -br link show type veth | grep -o '^veth[^@]*' | tail -1)
ip addr flush dev docker0
ip link add vethdead group $(cat /sys/class/net/docker0/netdev_group) type veth peer name vethdeadp
touch {exec}/netns/0123456789ab; mount --bind /proc/self/ns/net {exec}/netns/0123456789ab
for table in $(nft list tables | grep -o 'inet netwright-.*' | cut -d' ' -f2); do nft delete table inet $table; done
nft list tables | grep -q 'table ip nat' && iptables -t nat -F DOCKER && iptables -F DOCKER
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
        with self._waiting(scenario) as removed:
            must(self.engine, scenario.asked)
            removed()
        after = view(self.engine)
        self.clean()
        assert not (found := self.left()), found
        return before, [after, *(make(before) for make in scenario.instead)]

    @contextlib.contextmanager
    def _waiting(self, scenario: Scenario) -> Iterator[Callable[[], None]]:
        """Yield what waits for what an answer does not wait for: the removal of a container that ends with --rm."""
        if not scenario.removes_itself:
            yield lambda: None
            return
        connection = UnixConnection(self.engine.socket)
        connection.request("POST", "/containers/web/wait?condition=removed")
        answer = connection.getresponse()

        def removed() -> None:
            status, shown = ask(self.engine, ("GET", "/containers/web/json", None))
            if status != 200 or not isinstance(shown, dict) or shown["State"]["Status"] != "running":
                with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
                    answer.read()

        yield removed
        connection.close()

    def run(self, name: str, mode: int, points: Iterator[int], outcome: Outcome) -> None:
        """Disturb a scenario at these points, until one comes at which it is over before."""
        scenario = SCENARIOS[name]
        before, after = self.states(scenario)
        for point in points:
            for request in scenario.before:
                must(self.engine, request)
            mark = self.engine.log.stat().st_size
            with self._waiting(scenario) as removed:
                self.engine.steering.set(mode, point)
                status, answer = ask(self.engine, scenario.asked)
                if status:
                    removed()
            if self.engine.steering.get()[2] < point:
                self.engine.steering.set(OFF, 0)
                self.clean()
                break
            outcome.points += 1
            step = self.engine.steering.step
            if mode == KILL:
                faults = self._come_back_from_death([after[0]] if 200 <= status < 300 else [before, *after])
            else:
                faults = self._after_failure(scenario, Told(status, answer, self._said(mark)), before, after)
            faults += self._unharmed()
            outcome.faults += [f"{name}, point {point}, {step}: {fault}" for fault in faults]

    def _said(self, mark: int) -> str:
        """Return what the engine has written into its log since."""
        with self.engine.log.open("rb") as log:
            log.seek(mark)
            return log.read().decode(errors="replace")

    def _come_back_from_death(self, allowed: Sequence[dict[str, Any]]) -> list[str]:
        """Start the engine again; return what is wrong then."""
        if not self.engine.died(10):
            return ["the engine did not die"]
        self.engine.steering.set(OFF, 0)
        self.engine.start()
        return [*self._checked(), *_whole_or_gone(view(self.engine), allowed)]

    def _after_failure(
        self, scenario: Scenario, told: "Told", before: dict[str, Any], after: Sequence[dict[str, Any]]
    ) -> list[str]:
        """Return what is wrong after a failure: at once, and after the same request once more."""
        self.engine.steering.rest()
        faults = told.faults(self.engine.steering.words)
        now = view(self.engine)
        refused = told.status >= 400
        allowed = [before] if scenario.builds and refused else [before, *after] if refused else after
        dead = {key for key, one in now.items() if not scenario.builds and _is_dead(one)}
        faults += [fault for fault in _whole_or_gone(now, allowed) if fault.partition(" is ")[0] not in dead]
        if scenario.builds:
            faults += self._checked()
        if now != after[0]:
            again, answer = ask(self.engine, scenario.again or scenario.asked)
            if not 200 <= again < 400:
                faults.append(f"asked again, the answer is {again}: {answer}")
            elif view(self.engine) != after[0]:
                faults.append(f"asked again, there is {view(self.engine)} instead of {after[0]}")
        if self._checked():
            must(self.engine, ("POST", "/netwright/repair", None))
        return faults + [f"repaired, {fault}" for fault in self._checked()]

    def _checked(self) -> list[str]:
        """Return what `netwright check` tells."""
        status, differences = self.engine.call("GET", "/netwright/check")
        return [f"a check tells {status} {differences}"] if differences else []

    def _unharmed(self) -> list[str]:
        """Clean up; return what has become of others, and what is left."""
        faults = []
        if (there := self._bystander()) != self.bystander:
            faults.append(f"the bystander is {there}, and was {self.bystander}")
        return [*faults, *self.clean(), *(f"left: {what}" for what in self.left())]

    def run_life(self, name: str, mode: int, points: Iterator[int], outcome: Outcome) -> None:
        """Disturb a start or an end of the engine itself at these points, until it is over before."""
        engine, life = self.engine, LIVES[name]
        for request in RUNNING:
            must(engine, request)
        flags = engine.flags
        self._live(life, OFF, 0)
        if life.ends_containers:
            self._start_again()
        before, whole = view(engine), footprint(engine)
        for point in points:
            self._come_back(flags)
            mark = engine.log.stat().st_size
            reached = self._live(life, mode, point)
            if life.ends_containers:
                self._start_again()
            if not reached:
                break
            outcome.points += 1
            step = engine.steering.step
            faults = self._after_failed_life(mark) if mode == FAIL else self._checked()
            faults += [
                f"{key} is {now}, was {before.get(key)}" for key, now in view(engine).items() if now != before[key]
            ]
            if (there := self._bystander()) != self.bystander:
                faults.append(f"the bystander is {there}, and was {self.bystander}")
            faults += [f"differs: {what}" for what in self.left(whole)]
            outcome.faults += [f"{name}, point {point}, {step}: {fault}" for fault in faults]
        self._come_back(flags)
        self.clean()

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
        engine.steering.rest()
        if engine.process is None or engine.process.poll() is not None:
            engine.start()
        return reached

    def _after_failed_life(self, mark: int) -> list[str]:
        """Return what is wrong where a step of a start or an end has failed: it is said, and can be repaired."""
        log, words = self._said(mark), self.engine.steering.words
        faults = [f"the log has a traceback: {log}"] if "Traceback" in log else []
        if words not in log:
            faults.append(f"the log does not say {words!r}: {log}")
        if self._checked():
            must(self.engine, ("POST", "/netwright/repair", None))
        return faults + [f"repaired, {fault}" for fault in self._checked()]

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
    with contextlib.ExitStack() as held:
        machine = held.enter_context(contextlib.closing(Machine(folder)))
        place(machine)
        held.callback(Plugin(machine.host, folder, PLUGIN).stop)
        engine = held.enter_context(contextlib.closing(DoomedEngine(machine, folder, *flags)))
        engine.start()
        engine.docker("import", str(image(folder)), IMAGE)
        yield Trial(engine)


def image(folder: Path) -> Path:
    """Make a tar of a root filesystem with nothing but what sleeps, and what a new volume is filled with."""
    path = folder / "image.tar"
    with tarfile.open(path, "w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        tar.add("/bin/busybox", "bin/sleep")
        tar.add(__file__, "data/seed")
    return path


def tell(line: str) -> None:
    """Write a line at once: a whole run takes its time."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def attempt(name: str, mode: int, points: Iterator[int], *flags: str) -> Outcome:
    """Disturb one scenario or life on a machine of its own; an engine that does not come back is a fault, too."""
    folder = Path(tempfile.mkdtemp(prefix="netwright-kill-"))
    outcome = Outcome()
    try:
        with trial(folder, *flags) as one:
            (one.run if name in SCENARIOS else one.run_life)(name, mode, points, outcome)
    except (AssertionError, OSError) as error:
        where = "".join(traceback.format_exception(error))
        outcome.faults.append(f"{name}, point {outcome.points}, the engine cannot be gone on with: {where}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _lives(same: str) -> list[str]:
    """Return the lives of an engine with a backend: a switch to the same one is none."""
    return [name for name, life in LIVES.items() if same not in life.flags]


def _ruled(same: str) -> list[str]:
    """Return what rules come and go with. An end that leaves everything running touches none of them."""
    return [
        *(name for name, one in SCENARIOS.items() if one.ruled),
        *(name for name in _lives(same) if name != "engine stop"),
    ]


def main() -> int:
    """Try what is named on the command line; return 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every Nth point")
    parser.add_argument("--fail", action="store_true", help="let steps fail instead of killing the engine")
    parser.add_argument("--backend", default="nftables", choices=("nftables", "iptables"))
    parser.add_argument("scenarios", nargs="*", help="all by default; with iptables, all in which rules come or go")
    options = parser.parse_args()
    same = f"--firewall-backend={options.backend}"
    default = _ruled(same) if options.backend != "nftables" else [*SCENARIOS, *_lives(same)]
    names = options.scenarios or default
    points, faults = 0, []
    for name in names:
        begin = time.monotonic()
        outcome = attempt(name, FAIL if options.fail else KILL, iter(range(1, 10_000, options.every)), same)
        points += outcome.points
        faults += outcome.faults
        tell(f"{name:30} {outcome.points:4} points, {len(outcome.faults)} faults, {time.monotonic() - begin:.0f} s")
        for fault in outcome.faults:
            tell(f"    {fault}")
    tell(f"{points} points, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("run this as root: it makes network namespaces")
    sys.exit(main())
