"""The options of one endpoint: its interface's name and sysctls."""

from dataclasses import replace

import pytest
from tests.unit.drivers.examples import NETNS, endpoint

from netwright.drivers.endpoint_options import (
    IFNAME,
    SYSCTLS,
    endpoint_faults,
    interface_name,
    is_interface_name,
    sysctl_ops,
)
from netwright.host.ops import SetSysctl
from netwright.model.network import EndpointSpec


def spec(**options: str) -> EndpointSpec:
    return EndpointSpec(
        driver_options={{"ifname": IFNAME, "sysctls": SYSCTLS}[name]: text for name, text in options.items()}
    )


@pytest.mark.parametrize("name", ["eth0", "a", "exactly15bytes_", "wg-home.1", "é"])
def test_what_the_kernel_takes_is_a_name(name: str) -> None:
    assert is_interface_name(name)
    assert endpoint_faults(spec(ifname=name)) == []
    assert interface_name(spec(ifname=name)) == name


@pytest.mark.parametrize(
    "name", ["sixteen_bytes_xx", "seventeen_éé_é", "a/b", "a:b", "a b", "a\tb", "a\x00b", ".", ".."]
)
def test_what_it_does_not_take_is_none(name: str) -> None:
    assert not is_interface_name(name)
    (fault,) = endpoint_faults(spec(ifname=name))
    assert fault.startswith(f"invalid interface name {name!r}: ")


def test_without_options_there_is_nothing_to_set() -> None:
    assert endpoint_faults(EndpointSpec()) == []
    assert interface_name(EndpointSpec()) == ""
    assert sysctl_ops(endpoint(), NETNS) == []


def test_sysctls_are_set_on_the_interface_whatever_it_is_called() -> None:
    asked = spec(sysctls="net.ipv4.conf.IFNAME.log_martians=1, net.ipv6.neigh.ifname.x=a=b,")
    one = replace(endpoint(), spec=asked, interface="net.0")

    assert endpoint_faults(asked) == []
    assert sysctl_ops(one, NETNS) == [
        SetSysctl(key="net/ipv4/conf/net.0/log_martians", value="1", netns=NETNS),
        SetSysctl(key="net/ipv6/neigh/net.0/x", value="a=b", netns=NETNS),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "net.ipv4.conf.eth0.log_martians=1",
        "net.core.conf.IFNAME.x=1",
        "net.ipv4.conf.IFNAME.log_martians",
        "net.ipv4.conf.IFNAME.a.b=1",
        "net.ipv4.IFNAME.log_martians=1",
        "kernel.x.y.IFNAME.z=1",
    ],
)
def test_what_is_no_sysctl_of_an_interface_is_told_in_dockers_words(entry: str) -> None:
    (fault,) = endpoint_faults(spec(sysctls=f"net.ipv4.conf.IFNAME.forwarding=1,{entry}"))

    assert fault == (
        f"unrecognised network interface sysctl '{entry}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', "
        "'X' must be 'ipv4', 'ipv6' or 'mpls'"
    )
