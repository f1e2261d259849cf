"""Who reaches what: every sender, every target and every shape, as the simulator says and as the kernel does.

Both backends and both families are held against one walk through the intents, so they are equal to each other: some
thousand first packets for each of them, sent all at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

import pytest
from tests.kernel.firewall_lab import BRIDGES, FAR, FARAWAY, OUTSIDE, WAYS, Container, Lab, Place, lab_of, way_name

from netwright.firewall.intent import GatewayMode, Intent, LanIntent
from netwright.firewall.policy import Policy
from netwright.firewall.simulate import Attempt, Surroundings, Verdict, Walk, walk
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

FOUND = {
    Verdict.CONTAINER: "reached",
    Verdict.OUT: "reached",
    Verdict.HOST: "refused",  # nothing listens there
    Verdict.REFUSED: "refused",
    Verdict.DROPPED: "silent",
}
PORTS = (80, 81)
"""Where every container listens."""


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host whose containers and neighbours listen; Docker's rules without proxy need br_netfilter."""
    made = lab_of(request.param)
    name = "ip6" if made.version == 6 else "ip"
    made.sysctl(made.host, f"bridge/bridge-nf-call-{name}tables", "1")
    for place in made.places:
        if place is not made.host:
            for port in PORTS:
                made.listen(place, made.anywhere, port)
    yield made
    made.close()


SHAPES = (
    "as-it-is",
    "unprotected",
    "trusted",
    "direct-routing",
    "chosen-source",
    "limited-to-one",
    "limited-to-neighbours",
    "limited-to-the-host",
)


def shaped(lab: Lab, shape: str) -> list[Intent]:
    """Return what is wanted in a shape: options of the network `open`, or limits of its published ports."""
    intents = [*lab.intents(), *published(lab)]
    options: dict[str, dict[str, object]] = {
        "unprotected": {"mode": GatewayMode.NAT_UNPROTECTED},
        "trusted": {"trusted": ("wan",)},
        "direct-routing": {"direct": True},
        "chosen-source": {"snat_to": ip_address(lab.second)},
    }
    for place, intent in enumerate(intents):
        if intent.bridge == "open":
            own = {key: value for key, value in options.get(shape, {}).items() if hasattr(intent, key)}
            intents[place] = replace(intent, **own)  # type: ignore[arg-type]  # the options are fields of the intent
    return [*intents, *limits(lab, shape)]


def published(lab: Lab) -> list[Intent]:
    return [
        lab.web.publish(lab.anywhere, 8080, 80),
        lab.web.publish(lab.second, 8081, 81),
        lab.web.publish(lab.loopback, 8082, 80),
        lab.web.publish(lab.anywhere, 9080, 80, count=2),
        lab.peer.publish(lab.anywhere, 8090, 80),
        lab.apart.publish(lab.anywhere, 8095, 80),
        lab.vault.publish(lab.anywhere, 8070, 80),
        lab.routed.publish(lab.anywhere, 0, 80),
    ]


def limits(lab: Lab, shape: str) -> list[Intent]:
    outside = OUTSIDE[lab.version]
    sources = {
        "limited-to-one": outside,
        "limited-to-neighbours": "lan",
        "limited-to-the-host": f"host,{lab.peer.addresses[lab.version]}",
    }.get(shape)
    if sources is None:
        return []
    bits = 24 if lab.version == 4 else 64
    return [
        lab.web.limit(lab.anywhere, 8080, sources),
        lab.web.limit(lab.second, 8081, sources),
        lab.web.limit(lab.anywhere, 9080, sources, count=2),
        lab.routed.limit(lab.routed.addresses[lab.version], 80, sources),
        LanIntent(version=lab.version, networks=(ip_network(f"{outside}/{bits}", strict=False),)),
    ]


def targets(lab: Lab) -> list[tuple[str, int]]:
    """Return addresses and ports of everybody."""
    own = [
        lab.wan,
        lab.second,
        FAR[lab.version],
        *(BRIDGES[name].address(lab.version, 1) for name in ("open", "shy", "inner")),
    ]
    numbers = (80, 8080, 8081, 8082, 9080, 9081, 8090, 8095, 8070)
    there = [(place.addresses[lab.version], port) for place in lab.containers.values() for port in PORTS]
    beyond = [(addresses[lab.version], 80) for addresses in (OUTSIDE, FARAWAY)]
    return [*((address, number) for address in own for number in numbers), *there, *beyond]


@dataclass(frozen=True)
class Case:
    """One first packet."""

    sender: Place
    address: str
    port: int
    expected: Walk

    def __str__(self) -> str:
        return f"{self.sender.name} to {self.address} port {self.port}: {'; '.join(self.expected.steps)}"


def cases(lab: Lab, intents: Sequence[Intent]) -> list[Case]:
    policy = Policy.of(intents)
    gateways = [bridge.address(lab.version, 1) for bridge in BRIDGES.values()]
    around = Surroundings(own={ip_address(text) for text in (lab.wan, lab.second, FAR[lab.version], *gateways)})
    interfaces = {"host": "", "outside": "wan", "faraway": "far"}
    found = []
    for sender in lab.places:
        aims = targets(lab)
        if sender is lab.host:
            aims = [*aims, *((lab.loopback, number) for number in (8080, 8081, 8082, 9081, 8090))]
        for address, port in aims:
            if address == sender.addresses.get(lab.version):
                continue
            attempt = Attempt(
                interface=sender.bridge.name if isinstance(sender, Container) else interfaces[sender.name],
                source=ip_address(sender.addresses[lab.version]),
                address=ip_address(address),
                protocol=Protocol.TCP,
                port=port,
            )
            found.append(Case(sender, address, port, walk(policy, attempt, around)))
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_does_what_the_simulator_says(lab: Lab, shape: str) -> None:
    intents = shaped(lab, shape)
    lab.install(intents)
    asked = [case for case in cases(lab, intents) if not dockers_own(lab, case)]
    happened = lab.outcomes([(case.sender, case.address, case.port) for case in asked])

    wrong = [
        f"{outcome}: {case}"
        for case, outcome in zip(asked, happened, strict=True)
        if outcome != FOUND[case.expected.verdict]
    ]
    assert not wrong, "\n".join(wrong)
    assert len(asked) > 400


def dockers_own(lab: Lab, case: Case) -> bool:
    """Tell whether Docker's rules decide otherwise: with icc off, neighbours do not meet through the host either."""
    return (
        lab.backend.name == "iptables"
        and isinstance(case.sender, Container)
        and case.sender.bridge.name == "shy"
        and case.expected.to[0] == ip_address(lab.apart.addresses[lab.version])
    )
