"""The drivers that come with the engine, and what they have in common."""

from ipaddress import ip_address

import pytest
from tests.unit.drivers.examples import NETNS, endpoint, network

from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.model.addressing import ANY_IPV4
from netwright.model.network import SandboxKind

DRIVERS = builtin(BridgeSettings(group=77))


def test_they_are_dockers_by_name() -> None:
    assert set(DRIVERS) == {"bridge", "host", "null"}


@pytest.mark.parametrize("name", ["host", "null"])
def test_host_and_null_leave_no_trace_on_the_machine(name: str) -> None:
    driver, row, one = DRIVERS[name], network(), endpoint()
    driver.check(row)

    done = [
        driver.create_network(row),
        driver.open_network(row),
        driver.delete_network(row),
        driver.attach(row, one, NETNS),
        driver.detach(row, one, None),
        driver.intents(row),
        driver.endpoint_intents(row, one),
        driver.called_for(row, one),
        driver.links(row),
    ]

    assert not any(done)


@pytest.mark.parametrize("name", ["host", "null"])
def test_host_and_null_have_one_network_each_without_addresses_or_ports(name: str) -> None:
    can = DRIVERS[name].capabilities

    assert (can.addresses, can.publishes, can.single) == (False, False, True)


def test_only_the_host_network_needs_the_hosts_stack() -> None:
    kinds = {name: driver.capabilities.sandbox for name, driver in DRIVERS.items()}

    assert kinds == {"bridge": SandboxKind.OWN, "host": SandboxKind.HOST, "null": SandboxKind.OWN}


def test_what_a_driver_does_not_say_is_dockers_default() -> None:
    driver, row = DRIVERS["null"], network()

    assert driver.interface_prefix(row) == "eth"
    assert driver.default_binding(row) == ANY_IPV4
    assert not driver.is_routed(row, 4)
    assert driver.needs_gateway(row, 4)
    assert driver.gateway(row, 6) == ip_address("fd00::1")
    assert driver.gateway(network(pools=()), 4) is None
