"""Names of options: Docker's own are checked, others' are kept."""

import pytest

from netwright.drivers.bridge_options import BRIDGE_OPTIONS
from netwright.drivers.option_names import OptionNames

BRIDGE = "com.docker.network.bridge."


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (BRIDGE + "enable_ic", BRIDGE + "enable_icc"),
        ("com.docker.network.brige.name", BRIDGE + "name"),
        ("com.docker.network.mtu", "com.docker.network.driver.mtu"),
        ("com.dokcer.network.bridge.enable_icc", BRIDGE + "enable_icc"),
        ("enable_icc", BRIDGE + "enable_icc"),
        ("Gateway_Mode_IPv6", BRIDGE + "gateway_mode_ipv6"),
    ],
)
def test_a_name_like_a_known_one_is_a_fault_that_names_it(name: str, meant: str) -> None:
    (fault,) = OptionNames().faults([name], BRIDGE_OPTIONS, "driver bridge")

    assert fault == f"unknown option {name} for driver bridge: did you mean {meant}?"


def test_a_name_in_dockers_namespace_is_a_fault_even_without_a_known_one_like_it() -> None:
    faults = OptionNames().faults(["com.docker.network.zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"], BRIDGE_OPTIONS, "x")

    assert faults == ["unknown option com.docker.network.zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz for x"]


@pytest.mark.parametrize("name", [*BRIDGE_OPTIONS, "key1", "foo", "kathara.mac_addr", "com.example.color", "lab/team"])
def test_known_names_and_those_of_other_tools_are_taken(name: str) -> None:
    assert OptionNames().faults([name], BRIDGE_OPTIONS, "driver bridge") == []


def test_lenience_takes_everything_and_so_does_a_driver_that_knows_no_names() -> None:
    assert OptionNames(lenient=True).faults([BRIDGE + "enable_ic"], BRIDGE_OPTIONS, "x") == []
    assert OptionNames().faults([BRIDGE + "enable_ic"], None, "x") == []
