"""Packets to ports that only some may connect to, in both backends and both families."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from tests.kernel.firewall_lab import FARAWAY, OUTSIDE, WAYS, Lab, lab_of, only, way_name

from netwright.firewall.intent import Intent, LanIntent, SourceSetIntent, SourcesIntent
from netwright.host.ops import ChangeElements

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host on which ports of web and of the routed container are published."""
    made = lab_of(request.param)
    yield made
    made.close()


def published(lab: Lab) -> list[Intent]:
    return [
        *lab.intents(),
        lab.web.publish(lab.anywhere, 8080, 80),
        lab.web.publish(lab.second, 8081, 80),
        lab.routed.publish(lab.anywhere, 0, 80),
    ]


def limit(lab: Lab, *limits: SourcesIntent) -> None:
    lab.install([*published(lab), *limits])


def of(lab: Lab, addresses: dict[int, str], length: int = 0) -> str:
    """Return who is at an address, or in the prefix around it."""
    return f"{addresses[lab.version]}{f'/{length}' if length else ''}"


def test_who_is_named_connects_and_nobody_else_is_answered(lab: Lab) -> None:
    limit(lab, lab.web.limit(lab.anywhere, 8080, of(lab, OUTSIDE)))
    assert lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080) == OUTSIDE[lab.version]
    lab.assert_silent((lab.faraway, lab.wan, 8080), (lab.peer, lab.wan, 8080), (lab.db, lab.wan, 8080))
    # Another port of the same container is nobody's business.
    assert lab.seen_by(lab.web, 80, lab.faraway, lab.second, 8081) == FARAWAY[lab.version]


def test_a_port_on_one_address_is_limited_there(lab: Lab) -> None:
    limit(lab, lab.web.limit(lab.second, 8081, of(lab, FARAWAY)))
    assert lab.seen_by(lab.web, 80, lab.faraway, lab.second, 8081) == FARAWAY[lab.version]
    lab.assert_silent((lab.outside, lab.second, 8081))


def test_a_container_may_be_named_too(lab: Lab) -> None:
    limit(lab, lab.web.limit(lab.anywhere, 8080, lab.peer.addresses[lab.version]))
    lab.seen_by(lab.web, 80, lab.peer, lab.wan, 8080)
    lab.assert_silent((lab.outside, lab.wan, 8080))


def test_the_host_itself_has_to_be_named_and_is_told_if_it_is_not(lab: Lab) -> None:
    limit(lab, lab.web.limit(lab.anywhere, 8080, of(lab, OUTSIDE)))
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.host, lab.wan, 8080)
    limit(lab, lab.web.limit(lab.anywhere, 8080, "host"))
    lab.seen_by(lab.web, 80, lab.host, lab.wan, 8080)
    lab.assert_silent((lab.outside, lab.wan, 8080))


@only(version=4)  # ::1 is served by the relay
def test_the_hosts_loopback_is_the_host(lab: Lab) -> None:
    limit(lab, lab.web.limit(lab.anywhere, 8080, of(lab, OUTSIDE)))
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.host, "127.0.0.1", 8080)
    limit(lab, lab.web.limit(lab.anywhere, 8080, "host"))
    lab.seen_by(lab.web, 80, lab.host, "127.0.0.1", 8080)


def neighbours(lab: Lab, *addresses: dict[int, str]) -> LanIntent:
    bits = {4: 32, 6: 128}[lab.version]
    found: Sequence[IPv4Network | IPv6Network] = [ip_network(f"{of(lab, address)}/{bits}") for address in addresses]
    return LanIntent(version=lab.version, networks=tuple(found))


def test_neighbours_are_who_the_host_says_they_are(lab: Lab) -> None:
    wanted = [*published(lab), lab.web.limit(lab.anywhere, 8080, "lan")]
    near, none = neighbours(lab, OUTSIDE), neighbours(lab)
    lab.install([*wanted, near])
    assert lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080) == OUTSIDE[lab.version]
    lab.assert_silent((lab.faraway, lab.wan, 8080))
    lab.do(lab.backend.change(add=[none], remove=[near]))
    lab.assert_silent((lab.outside, lab.wan, 8080))


def test_what_a_relay_would_accept_is_limited_before_it(lab: Lab) -> None:
    # No translation for this one: a program of the host listens, as the relay does for what the kernel cannot carry.
    lab.install([*lab.intents(), lab.web.limit(lab.anywhere, 8085, of(lab, OUTSIDE))])
    lab.seen_by(lab.host, 8085, lab.outside, lab.wan, 8085)
    lab.assert_silent((lab.faraway, lab.wan, 8085))


def test_a_routed_container_is_limited_at_its_own_address(lab: Lab) -> None:
    own = lab.routed.addresses[lab.version]
    limit(lab, lab.routed.limit(own, 80, of(lab, OUTSIDE)))
    assert lab.seen_by(lab.routed, 80, lab.outside, own, 80) == OUTSIDE[lab.version]
    lab.assert_silent((lab.faraway, own, 80), (lab.web, own, 80))


def test_a_range_of_ports_is_limited_as_a_whole_and_changed_live(lab: Lab) -> None:
    run = lab.web.publish(lab.anywhere, 9000, 9000, count=10)
    tight = lab.web.limit(lab.anywhere, 9000, of(lab, OUTSIDE), count=10)
    wide = lab.web.limit(lab.anywhere, 9000, f"{of(lab, OUTSIDE)},{of(lab, FARAWAY)}", count=10)
    lab.install([*lab.intents(), run, tight])
    lab.seen_by(lab.web, 9007, lab.outside, lab.wan, 9007)
    lab.assert_silent((lab.faraway, lab.wan, 9007))
    listener = lab.listen(lab.web, lab.anywhere, 9003)
    standing = lab.connect(lab.outside, lab.wan, 9003)
    served = listener.accept()[0]

    lab.do(lab.backend.change(add=[run, wide], remove=[run, tight]))
    lab.seen_by(lab.web, 9007, lab.faraway, lab.wan, 9007)
    only_far = lab.web.limit(lab.anywhere, 9000, of(lab, FARAWAY), count=10)
    lab.do(lab.backend.change(add=[run, only_far], remove=[run, wide]))

    lab.assert_silent((lab.outside, lab.wan, 9007))
    with standing, served:
        standing.sendall(b"still")
        assert served.recv(16) == b"still"


def office(lab: Lab, *addresses: dict[int, str]) -> SourceSetIntent:
    """Return a set of sources that has a name; some addresses are in it."""
    return SourceSetIntent(name="office", version=lab.version, networks=neighbours(lab, *addresses).networks)


def test_who_is_in_a_named_set_connects_to_all_ports_that_name_it(lab: Lab) -> None:
    own = lab.routed.addresses[lab.version]
    outside, both, nobody = office(lab, OUTSIDE), office(lab, OUTSIDE, FARAWAY), office(lab)
    lab.install(
        [
            *published(lab),
            outside,
            lab.web.limit(lab.anywhere, 8080, "office"),
            lab.web.limit(lab.second, 8081, "office,host"),
            lab.routed.limit(own, 80, "office"),
        ]
    )
    ways = [(lab.web, lab.wan, 8080), (lab.web, lab.second, 8081), (lab.routed, own, 80)]
    for receiver, address, port in ways:
        lab.seen_by(receiver, 80, lab.outside, address, port)
    lab.assert_silent(*((lab.faraway, address, port) for _, address, port in ways))

    # One set changes, and all ports with it.
    change = lab.backend.change(add=[both], remove=[outside])
    assert [[one.set for one in op.changes] for op in change if isinstance(op, ChangeElements)] == [
        [f"members{lab.version}.office"]
    ]
    lab.do(change)
    for receiver, address, port in ways:
        lab.seen_by(receiver, 80, lab.faraway, address, port)
    listener = lab.listen(lab.web, lab.anywhere, 80)
    standing = lab.connect(lab.outside, lab.wan, 8080)
    served = listener.accept()[0]

    lab.do(lab.backend.change(add=[nobody], remove=[both]))
    lab.assert_silent(*((sender, address, port) for sender in (lab.outside, lab.faraway) for _, address, port in ways))
    with standing, served:
        standing.sendall(b"still")
        assert served.recv(16) == b"still"


def test_a_named_set_comes_and_goes_while_others_stay(lab: Lab) -> None:
    home = SourceSetIntent(name="home", version=lab.version, networks=neighbours(lab, FARAWAY).networks)
    lab.install([*published(lab), home, lab.web.limit(lab.second, 8081, "home")])
    named = lab.web.limit(lab.anywhere, 8080, "home,office")
    lab.do(lab.backend.declare(["home"], ["home", "office"]))
    lab.do(lab.backend.change(add=[office(lab, OUTSIDE), named], remove=()))
    lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080)
    lab.seen_by(lab.web, 80, lab.faraway, lab.wan, 8080)
    lab.assert_silent((lab.outside, lab.second, 8081), (lab.peer, lab.wan, 8080))

    lab.do(lab.backend.change(add=(), remove=[office(lab, OUTSIDE), named]))
    gone = lab.backend.declare(["home", "office"], ["home"])
    lab.do(gone)
    lab.seen_by(lab.web, 80, lab.faraway, lab.second, 8081)
    assert "office" not in lab.nft("list ruleset")
    lab.undo(gone)
    assert f"members{lab.version}.office" in lab.nft("list ruleset")
