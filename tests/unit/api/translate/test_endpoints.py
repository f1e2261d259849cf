"""Endpoints as they are asked for, and as a container shows them, by version of the API."""

import msgspec
import pytest
from tests.unit.api.examples import CONTAINER, attachment
from tests.unit.api.fake_networks import network

from netwright.api.translate.endpoints import read_endpoint, show_endpoint
from netwright.api.versions import ApiVersion
from netwright.api.wire.networks import EndpointIpam, EndpointSettings
from netwright.errors import InvalidInput
from netwright.model.addressing import Mac, parse_address
from netwright.model.network import EndpointSpec

OPERATIONAL = (
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "MacAddress",
)
MINE = network("mine", number=5)


def test_a_running_endpoint_shows_its_addresses() -> None:
    shown = msgspec.to_builtins(show_endpoint(attachment(), ApiVersion(1, 51)))

    assert [shown[key] for key in OPERATIONAL] == [
        "e0" * 32,
        "172.17.0.1",
        "172.17.0.2",
        16,
        "fd00::1",
        "fd00::2",
        64,
        "02:42:ac:11:00:02",
    ]


def test_an_endpoint_of_what_does_not_run_shows_only_what_stays() -> None:
    item = attachment(is_open=False)

    shown = msgspec.to_builtins(show_endpoint(item, ApiVersion(1, 51)))

    assert not any(shown[key] for key in OPERATIONAL)
    assert shown["NetworkID"] == item.network.id


def test_what_was_asked_for_is_shown_as_asked() -> None:
    spec = EndpointSpec(
        ipv4=None,
        ipv6=parse_address("fd00::9"),
        mac=Mac.parse("02:42:ac:11:00:09"),
        links=("db:database",),
        driver_options={"k": "v"},
        gateway_priority=3,
    )

    shown = msgspec.to_builtins(show_endpoint(attachment(is_open=False, spec=spec), ApiVersion(1, 51)))

    assert shown["IPAMConfig"] == {"IPv6Address": "fd00::9"}
    assert shown["MacAddress"] == "02:42:ac:11:00:09"
    assert (shown["Links"], shown["DriverOpts"], shown["GwPriority"]) == (["db:database"], {"k": "v"}, 3)


def test_names_are_the_container_its_aliases_its_short_id_and_its_hostname_each_once() -> None:
    item = attachment(joined=MINE, spec=EndpointSpec(aliases=("a", "web", "b")))

    shown = msgspec.to_builtins(show_endpoint(item, ApiVersion(1, 51)))

    assert shown["DNSNames"] == ["web", "a", "b", CONTAINER[:12], "web.example"]


def test_the_default_bridge_knows_no_names() -> None:
    shown = msgspec.to_builtins(show_endpoint(attachment(), ApiVersion(1, 44)))

    assert shown["DNSNames"] is None
    assert shown["Aliases"] is None


@pytest.mark.parametrize(
    ("minor", "aliases", "has_names", "has_priority"),
    [
        (41, ["a", CONTAINER[:12]], False, False),
        (44, ["a", CONTAINER[:12]], True, False),
        (45, ["a"], True, False),
        (48, ["a"], True, True),
    ],
)
def test_each_version_shows_what_it_had(minor: int, aliases: list[str], has_names: bool, has_priority: bool) -> None:
    item = attachment(joined=MINE, spec=EndpointSpec(aliases=("a",)))

    shown = msgspec.to_builtins(show_endpoint(item, ApiVersion(1, minor)))

    assert shown["Aliases"] == aliases
    assert ("DNSNames" in shown, "GwPriority" in shown) == (has_names, has_priority)


def asked(ipv4: str = "", ipv6: str = "", *local: str) -> EndpointSettings:
    return EndpointSettings(ipam_config=EndpointIpam(ipv4_address=ipv4, ipv6_address=ipv6, link_local_ips=list(local)))


def test_addresses_are_read_as_they_are_asked_for() -> None:
    assert read_endpoint(asked("10.0.0.9", "fd00::9", "169.254.8.8", "fe80::8")) == EndpointSpec(
        ipv4=parse_address("10.0.0.9"),
        ipv6=parse_address("fd00::9"),
        link_local=(parse_address("169.254.8.8"), parse_address("fe80::8")),
    )
    assert read_endpoint(None) == read_endpoint(asked()) == EndpointSpec()


@pytest.mark.parametrize("wrong", ["x", "fd00::9", "10.0.0.9/24", "0.0.0.0", "010.0.0.9"])
def test_what_is_no_ipv4_address_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_endpoint(asked(wrong))
    assert str(refused.value) == f"invalid endpoint settings:\ninvalid IPv4 address: {wrong}"


@pytest.mark.parametrize("wrong", ["x", "10.0.0.9", "fd00::9/64", "::", "fe80::9%eth0", "::ffff:10.0.0.9"])
def test_what_is_no_ipv6_address_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_endpoint(asked(ipv6=wrong))
    assert str(refused.value) == f"invalid endpoint settings:\ninvalid IPv6 address: {wrong}"


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_endpoint(asked("x", "y", "z", "fe80::8"))
    assert str(refused.value).splitlines() == [
        "invalid endpoint settings:",
        "invalid IPv4 address: x",
        "invalid IPv6 address: y",
        "invalid link-local IP address: z",
    ]
