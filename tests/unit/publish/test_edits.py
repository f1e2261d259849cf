"""Wishes for ports that come and go while the container lives."""

from ipaddress import ip_address

import pytest

from netwright.errors import InvalidInput, NotFound
from netwright.model.ports import Port, PortBinding, PortRequest
from netwright.model.sources import Sources
from netwright.publish.edits import added, removed

WEB, DNS = Port.parse("80"), Port.parse("53/udp")
ANY4 = ip_address("0.0.0.0")
FIXED, FREE = PortRequest(WEB, None, 8080, 8080), PortRequest(WEB)


def test_more_ports_stand_behind_those_that_are_there() -> None:
    assert added([FIXED], [PortRequest(DNS, None, 5353, 5353)]) == (FIXED, PortRequest(DNS, None, 5353, 5353))


def test_a_port_that_is_there_gets_other_sources() -> None:
    limited = PortRequest(WEB, None, 8080, 8080, Sources.parse(["host"]))
    assert added([FIXED], [limited]) == (limited,)
    assert added([limited], [FIXED]) == (FIXED,)


def test_a_port_0_is_refused() -> None:
    with pytest.raises(InvalidInput, match="between 1 and 65535"):
        added([], [PortRequest(Port.parse("0"))])


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (PortRequest(WEB), ()),
        (FIXED, (FREE,)),  # a number without an address names it at every address
        (PortRequest(WEB, ip_address("127.0.0.1"), 8080, 8080), (FIXED, FREE)),
        (PortRequest(WEB, None, 32770, 32770), (FIXED, PortRequest(WEB, ip_address("127.0.0.1"), 8080, 8080))),
    ],
    ids=["all-of-a-port", "one-number", "one-address", "a-number-chosen-freely"],
)
def test_what_is_named_goes(gone: PortRequest, left: tuple[PortRequest, ...]) -> None:
    present = [FIXED, FREE, PortRequest(WEB, ip_address("127.0.0.1"), 8080, 8080)]
    granted = [PortBinding(WEB, ANY4, 8080), PortBinding(WEB, ANY4, 32770)]
    assert removed(present, [gone], granted, "web") == left


@pytest.mark.parametrize("gone", [PortRequest(DNS), PortRequest(WEB, None, 9090, 9090)])
def test_what_is_not_published_is_said_by_name(gone: PortRequest) -> None:
    with pytest.raises(NotFound, match=r"container web does not publish (53/udp|9090:80/tcp)"):
        removed([FIXED], [gone], [], "web")
