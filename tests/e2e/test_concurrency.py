"""Sixteen clients at once: whatever they ask in whatever order, answers, model, rows and kernel agree.

In each step sixteen requests about the same few things are under way together. Which came first nobody can tell, but
every answered change of a thing has to be followed by its opposite before it can be answered again, so what was
answered adds up: creations less removals is whether it is there now, compared with before. A sample runs with the
tests; NETWRIGHT_STEPS=10000 is the long run.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import IMAGE, engine_on_a_machine, footprint
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from machine import Engine

CLIENTS = 16
STEPS = int(os.environ.get("NETWRIGHT_STEPS", "160"))
ROUNDS = 10

NETWORKS = ("n0", "n1", "n2", "bridge")
REFUSALS = ("is not connected", "port is already", "is marked for removal", "address already in use")
"""What Docker refuses with status 500."""

CONTAINERS = ("box0", "box1", "box2", "box3", "box4", "box5")
"""None of them may be the beginning of an id."""
PORTS = (8000, 8001, 8002)


@dataclass(frozen=True)
class Asked:
    """One request of one client."""

    what: str
    container: str
    network: str
    port: int

    def concerns(self, name: str) -> bool:
        """Tell whether this may make or remove something of a name."""
        return self.what in {"make", "remove", "make network", "remove network", "prune"} and (
            self.what == "prune" or name.split()[1] in {self.container, self.network}
        )

    def request(self) -> tuple[str, str, object]:
        """Return method, path and body."""
        one, network = f"/containers/{self.container}", f"/networks/{self.network}"
        bindings = {"80/tcp": [{"HostPort": str(self.port)}], "53/udp": [{"HostPort": ""}]}
        host = {"NetworkMode": self.network, "PortBindings": bindings}
        made = {"Image": IMAGE, "Cmd": ["sleep", "100000"], "HostConfig": host}
        joined = {"Container": self.container}
        published = {"Ports": {"80/tcp": [{"HostPort": str(self.port + 10)}]}}
        asked: dict[str, tuple[str, str, object]] = {
            "make network": ("POST", "/networks/create", {"Name": self.network, "EnableIPv6": True}),
            "remove network": ("DELETE", network, None),
            "make": ("POST", f"/containers/create?name={self.container}", made),
            "start": ("POST", f"{one}/start", None),
            "stop": ("POST", f"{one}/stop?t=0", None),
            "restart": ("POST", f"{one}/restart?t=0", None),
            "remove": ("DELETE", f"{one}?force=1&v=1", None),
            "connect": ("POST", f"{network}/connect", joined),
            "disconnect": ("POST", f"{network}/disconnect", joined),
            "publish": ("POST", f"/netwright{one}/publish", published),
            "unpublish": ("POST", f"/netwright{one}/unpublish", published),
            "inspect": ("GET", f"{one}/json", None),
            "list": ("GET", "/containers/json?all=1", None),
            "prune": ("POST", "/networks/prune", None),
            "check": ("GET", "/netwright/check", None),
        }
        return asked[self.what]


KINDS = (
    "make network", "make network", "remove network", "make", "make", "start", "start", "start", "stop", "restart",
    "remove", "connect", "connect", "disconnect", "publish", "unpublish", "inspect", "list", "prune", "check",
)  # fmt: skip
ASKED = st.builds(
    Asked,
    what=st.sampled_from(KINDS),
    container=st.sampled_from(CONTAINERS),
    network=st.sampled_from(NETWORKS),
    port=st.sampled_from(PORTS),
)


class Clients(RuleBasedStateMachine):
    """The clients, and what they can know."""

    engine: ClassVar[Engine]
    pool: ClassVar[ThreadPoolExecutor]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.there = self._there()

    @rule(asked=st.lists(ASKED, min_size=CLIENTS, max_size=CLIENTS))
    def ask_at_once(self, asked: list[Asked]) -> None:
        """Let every client ask something, and add up what was answered."""
        answers = list(self.pool.map(lambda one: self.engine.call(*one.request()), asked))
        Clients.steps += len(asked)
        made: Counter[str] = Counter()
        removed: Counter[str] = Counter()
        for one, (status, answer) in zip(asked, answers, strict=True):
            assert "by a fault of the engine" not in str(answer), (one, answer)
            assert status < 500 or any(words in str(answer) for words in REFUSALS), (one, answer)
            if status < 300:
                _count(made, removed, one, answer)
        now = self._there()
        for name in {*self.there, *now, *made, *removed}:
            most = least = self.there.get(name, 0) + made[name] - removed[name]
            if name.startswith("container") and removed[name]:
                # Who removes what somebody else is just removing is told that it is done.
                most = self.there.get(name, 0) + made[name] - 1
            if not least <= now.get(name, 0) <= most:
                told = [(one, said) for one, said in zip(asked, answers, strict=True) if one.concerns(name)]
                raise AssertionError(f"{name} was {self.there.get(name)}, is {now.get(name)} after {told}")
        self.there = now

    def _there(self) -> Mapping[str, int]:
        """Return what is there by the answers of the API."""
        _, networks = self.engine.call("GET", "/networks")
        _, containers = self.engine.call("GET", "/containers/json?all=1")
        assert isinstance(networks, list)
        assert isinstance(containers, list)
        names = [f"network {one['Name']}" for one in networks if one["Name"] in NETWORKS[:-1]]
        return dict.fromkeys((*names, *(f"container {one['Names'][0][1:]}" for one in containers)), 1)

    @invariant()
    def rows_and_kernel_agree(self) -> None:
        """Look whether the engine finds any difference."""
        assert self.engine.call("GET", "/netwright/check") == (200, [])

    @invariant()
    def nobody_has_what_another_has(self) -> None:
        """Look whether an address or a port was given twice, or to nobody."""
        addresses: Counter[str] = Counter()
        ports: Counter[str] = Counter()
        _, containers = self.engine.call("GET", "/containers/json?all=1")
        assert isinstance(containers, list)
        for summary in containers:
            _, one = self.engine.call("GET", f"/containers/{summary['Id']}/json")
            assert isinstance(one, dict)
            settings = one["NetworkSettings"]
            running = one["State"]["Status"] == "running"
            for endpoint in settings["Networks"].values():
                addresses.update(text for key in ("IPAddress", "GlobalIPv6Address") if (text := endpoint[key]))
            if running:
                granted: Any = settings["Ports"].items()
                ports.update(f"{port} {b['HostIp']} {b['HostPort']}" for port, found in granted for b in found or ())
        assert [one for one, count in (addresses + ports).items() if count > 1] == []

    def teardown(self) -> None:
        """Remove everything."""
        self.engine.remove_everything()


def _count(made: Counter[str], removed: Counter[str], one: Asked, answer: object) -> None:
    match one.what:
        case "make network":
            made[f"network {one.network}"] += 1
        case "remove network":
            removed[f"network {one.network}"] += 1
        case "prune":
            assert isinstance(answer, dict)
            removed.update(f"network {name}" for name in answer["NetworksDeleted"] or ())
        case "make":
            made[f"container {one.container}"] += 1
        case "remove":
            removed[f"container {one.container}"] += 1


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, image_tar: Path) -> Iterator[Engine]:
    """Give an engine for sixteen clients."""
    with engine_on_a_machine(tmp_path_factory.mktemp("crowded"), image_tar) as engine:
        yield engine


@pytest.mark.timeout(120 + STEPS)
def test_answers_model_rows_and_kernel_agree_whatever_sixteen_clients_do(crowded: Engine) -> None:
    # The host forwards IPv6 from its first network with it on.
    crowded.docker("network", "create", "--ipv6", "first")
    crowded.docker("network", "rm", "first")
    before = footprint(crowded)
    Clients.engine, Clients.steps = crowded, 0
    with ThreadPoolExecutor(CLIENTS) as Clients.pool:
        run_state_machine_as_test(
            Clients,
            settings=settings(
                max_examples=math.ceil(STEPS / (CLIENTS * ROUNDS)),
                stateful_step_count=ROUNDS,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
    # Hypothesis ends a run of rounds early now and then.
    assert Clients.steps > STEPS - CLIENTS * ROUNDS
    assert footprint(crowded) == before
    assert crowded.first_fault() == ""
