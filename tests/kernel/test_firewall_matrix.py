"""Who reaches what: every sender, every target and every shape, as the simulator says and as the kernel does.

Both backends and both families are held against one walk through the intents, so they are equal to each other: some
thousand first packets for each of them in TCP and in UDP, sent all at once.
"""

import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

import pytest
from tests.kernel.firewall_lab import (
    BRANCH,
    BRIDGES,
    FAR,
    FARAWAY,
    OUTSIDE,
    VPN,
    WAYS,
    Container,
    Lab,
    lab_of,
    network_of,
    way_name,
)
from tests.kernel.firewall_probes import KINDS, Probe, Probes

from netwright.firewall.intent import GatewayMode, Intent, LanIntent
from netwright.firewall.policy import Policy
from netwright.firewall.simulate import Attempt, Surroundings, Verdict, Walk, walk
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

FOUND = {
    Verdict.CONTAINER: "reached {} port {}",
    Verdict.OUT: "reached {} port {}",
    Verdict.HOST: "refused",  # nothing listens there
    Verdict.REFUSED: "refused",
    Verdict.DROPPED: "silent",
}
PORTS = (80, 81)
"""Where every container listens."""


@pytest.fixture(scope="module", autouse=True)
def _many_descriptors() -> Iterator[None]:
    """Let there be more sockets at once than the thousand that many systems begin with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host whose containers and neighbours listen; Docker's rules without proxy need br_netfilter."""
    made = lab_of(request.param)
    name = "ip6" if made.version == 6 else "ip"
    made.sysctl(made.host, f"bridge/bridge-nf-call-{name}tables", "1")
    # Every refusal in UDP is to be heard: the kernel sends only so many a second else.
    made.sysctl(made.host, "ipv6/icmp/ratemask" if made.version == 6 else "ipv4/icmp_ratemask", "0")
    yield made
    made.close()


@pytest.fixture(scope="module")
def probes(lab: Lab) -> Probes:
    return Probes(lab, PORTS, lab.dig())


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
        "trusted": {"trusted": ("wan", "vpn")},
        "direct-routing": {"direct": True},
        "chosen-source": {"snat_to": ip_address(lab.second)},
    }
    for place, intent in enumerate(intents):
        if intent.bridge == "open":
            own = {key: value for key, value in options.get(shape, {}).items() if hasattr(intent, key)}
            intents[place] = replace(intent, **own)  # type: ignore[arg-type]  # the options are fields of the intent
    return [*intents, *limits(lab, shape)]


def published(lab: Lab) -> Iterator[Intent]:
    for protocol in KINDS:
        yield lab.web.publish(lab.anywhere, 8080, 80, protocol=protocol)
        yield lab.web.publish(lab.second, 8081, 81, protocol=protocol)
        yield lab.web.publish(lab.loopback, 8082, 80, protocol=protocol)
        yield lab.web.publish(lab.anywhere, 9080, 80, count=2, protocol=protocol)
        yield lab.peer.publish(lab.anywhere, 8090, 80, protocol=protocol)
        yield lab.apart.publish(lab.anywhere, 8095, 80, protocol=protocol)
        yield lab.vault.publish(lab.anywhere, 8070, 80, protocol=protocol)
        yield lab.routed.publish(lab.anywhere, 0, 80, protocol=protocol)
    # What is published in one protocol is open in no other.
    yield lab.web.publish(lab.anywhere, 8060, 80, protocol=Protocol.TCP)
    yield lab.web.publish(lab.anywhere, 8061, 80, protocol=Protocol.UDP)
    yield lab.routed.publish(lab.anywhere, 0, 81, protocol=Protocol.UDP)


def limits(lab: Lab, shape: str) -> Iterator[Intent]:
    sources = {
        "limited-to-one": OUTSIDE[lab.version],
        "limited-to-neighbours": "lan",
        "limited-to-the-host": f"host,{lab.peer.addresses[lab.version]}",
    }.get(shape)
    if sources is None:
        return
    for protocol in KINDS:
        yield lab.web.limit(lab.anywhere, 8080, sources, protocol=protocol)
        yield lab.web.limit(lab.second, 8081, sources, protocol=protocol)
        yield lab.web.limit(lab.anywhere, 9080, sources, count=2, protocol=protocol)
        yield lab.routed.limit(lab.routed.addresses[lab.version], 80, sources, protocol=protocol)
    # The branch is one, too: a route without a router leads there. The wire of faraway is left out, to be a stranger's.
    near = tuple(network_of(addresses[lab.version]) for addresses in (OUTSIDE, BRANCH))
    yield LanIntent(version=lab.version, networks=near)


def targets(lab: Lab) -> list[tuple[str, int]]:
    """Return addresses and ports of everybody."""
    own = [
        lab.wan,
        lab.second,
        FAR[lab.version],
        VPN[lab.version],
        *(BRIDGES[name].address(lab.version, 1) for name in ("open", "shy", "inner")),
    ]
    numbers = (80, 8080, 8081, 8082, 9080, 9081, 8090, 8095, 8070)
    there = [(place.addresses[lab.version], port) for place in lab.containers.values() for port in PORTS]
    beyond = [(addresses[lab.version], 80) for addresses in (OUTSIDE, FARAWAY, BRANCH)]
    unlike = [(lab.wan, 8060), (lab.wan, 8061)]
    return [*((address, number) for address in own for number in numbers), *unlike, *there, *beyond]


@dataclass(frozen=True)
class Case:
    """One first packet."""

    probe: Probe
    walk: Walk

    @property
    def expected(self) -> str:
        return FOUND[self.walk.verdict].format(*self.walk.to)

    def __str__(self) -> str:
        probe, steps = self.probe, "; ".join(self.walk.steps)
        return f"{probe.sender.name} to {probe.address} port {probe.port}/{probe.protocol}: {steps}"


def cases(lab: Lab, intents: Sequence[Intent], protocol: Protocol) -> list[Case]:
    policy = Policy.of(intents)
    gateways = [bridge.address(lab.version, 1) for bridge in BRIDGES.values()]
    around = Surroundings(
        own={ip_address(text) for text in (lab.wan, lab.second, FAR[lab.version], VPN[lab.version], *gateways)}
    )
    interfaces = {"host": "", "outside": "wan", "faraway": "far", "branch": "vpn"}
    found = []
    for sender in lab.places:
        aims = targets(lab)
        if sender is lab.host:
            aims = [*aims, *((lab.loopback, number) for number in (8080, 8081, 8082, 9081, 8090, 8060, 8061))]
        for address, port in aims:
            if address == sender.addresses.get(lab.version):
                continue
            attempt = Attempt(
                interface=sender.bridge.name if isinstance(sender, Container) else interfaces[sender.name],
                source=ip_address(sender.addresses[lab.version]),
                address=ip_address(address),
                protocol=protocol,
                port=port,
            )
            found.append(Case(Probe(sender, protocol, address, port), walk(policy, attempt, around)))
    return [case for case in found if not dockers_own(lab, case)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_does_what_the_simulator_says(lab: Lab, probes: Probes, shape: str) -> None:
    intents = shaped(lab, shape)
    lab.install(intents)
    asked = [case for protocol in KINDS for case in cases(lab, intents, protocol)]
    happened = probes.outcomes([case.probe for case in asked])

    wrong = [f"{outcome}: {case}" for case, outcome in zip(asked, happened, strict=True) if outcome != case.expected]
    assert not wrong, "\n".join(wrong)
    assert len(asked) > 1500


def dockers_own(lab: Lab, case: Case) -> bool:
    """Tell whether Docker's rules decide otherwise: with icc off, neighbours do not meet through the host either."""
    return (
        lab.backend.name == "iptables"
        and isinstance(case.probe.sender, Container)
        and case.probe.sender.bridge.name == "shy"
        and case.walk.to[0] == ip_address(lab.apart.addresses[lab.version])
    )
