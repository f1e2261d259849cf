"""The walk of a packet in words; that it is what the kernel does, tests/kernel/test_firewall_matrix.py says."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from tests.unit.firewall.shapes import endpoint, network, port

from netwright.firewall.intent import Intent, SourcesIntent
from netwright.firewall.policy import Policy
from netwright.firewall.simulate import Attempt, Surroundings, Verdict, walk
from netwright.model.ports import Protocol
from netwright.model.sources import Sources

OWN = Surroundings(own=[ip_address("203.0.113.1"), ip_address("192.0.2.1")])
OUTSIDE = Attempt(
    interface="eth0",
    source=ip_address("198.51.100.7"),
    address=ip_address("203.0.113.1"),
    protocol=Protocol.TCP,
    port=8080,
)
WANTED: list[Intent] = [network(), endpoint(), port()]


def test_a_published_port_is_walked_to_the_container() -> None:
    found = walk(Policy.of(WANTED), OUTSIDE, OWN)

    assert found.verdict is Verdict.CONTAINER
    assert found.to == (ip_address("192.0.2.2"), 80)
    assert found.steps == ("published: leads to 192.0.2.2 port 80", "the port is published")


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({"port": 81}, Verdict.HOST, "no port is published there"),
        ({"address": ip_address("192.0.2.2"), "port": 80}, Verdict.DROPPED, "not reached directly"),
        ({"address": ip_address("8.8.8.8")}, Verdict.OUT, "not ours to judge"),
        ({"interface": "", "port": 8080}, Verdict.CONTAINER, "sent by this host itself"),
        ({"interface": "bridge1", "source": ip_address("192.0.2.3")}, Verdict.CONTAINER, "meet through the host"),
        (
            {"interface": "bridge1", "address": ip_address("127.0.0.1")},
            Verdict.DROPPED,
            "loopback is not the containers'",
        ),
        ({"interface": "bridge1", "address": ip_address("192.0.2.9")}, Verdict.CONTAINER, "neighbours on the bridge"),
        ({"interface": "bridge1", "address": ip_address("8.8.8.8")}, Verdict.OUT, "containers may go out"),
    ],
)
def test_every_end_says_why(change: dict[str, object], verdict: Verdict, words: str) -> None:
    found = walk(Policy.of(WANTED), replace(OUTSIDE, **change), OWN)  # type: ignore[arg-type]  # fields of the attempt

    assert found.verdict is verdict
    assert words in found.reason


def test_who_is_not_among_the_sources_is_named() -> None:
    limit = SourcesIntent(
        endpoint="web",
        network="bridge1",
        bridge="bridge1",
        protocol=Protocol.TCP,
        host_ip=ip_address("0.0.0.0"),
        first=8080,
        last=8080,
        sources=Sources.parse(["10.0.0.0/8"]),
    )

    found = walk(Policy.of([*WANTED, limit]), OUTSIDE, OWN)
    itself = walk(Policy.of([*WANTED, limit]), replace(OUTSIDE, interface=""), OWN)

    assert (found.verdict, found.reason) == (
        Verdict.DROPPED,
        "only 10.0.0.0/8 may connect, and not 198.51.100.7",
    )
    assert itself.verdict is Verdict.REFUSED


def test_the_metadata_of_clouds_may_be_kept_from_containers() -> None:
    asked = replace(
        OUTSIDE, interface="bridge1", source=ip_address("192.0.2.2"), address=ip_address("169.254.169.254"), port=80
    )

    assert walk(Policy.of(WANTED), asked, OWN).verdict is Verdict.OUT
    assert walk(Policy.of(WANTED), asked, replace(OWN, deny_metadata=True)).verdict is Verdict.REFUSED
