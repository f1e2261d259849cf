"""Sysctls for one endpoint's interface: the driver option `com.docker.network.endpoint.sysctls`.

A comma-separated list such as `net.ipv4.conf.IFNAME.log_martians=1`; IFNAME stands for the interface, whatever it will
be called. The docker command line turns everything into lower case, so `ifname` is taken as well.
"""

import re
from collections.abc import Sequence

from netwright.host.ops import Op, SetSysctl
from netwright.model.network import Endpoint, EndpointSpec

OPTION = "com.docker.network.endpoint.sysctls"

_ENTRY = re.compile(r"net\.(ipv4|ipv6|mpls)\.[^.=]+\.IFNAME\.[^.=]+=.*")


def _entries(spec: EndpointSpec) -> list[str]:
    text = spec.driver_options.get(OPTION, "").replace(".ifname.", ".IFNAME.")
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def sysctl_faults(spec: EndpointSpec) -> Sequence[str]:
    """Return what is wrong with the sysctls asked for, in Docker's words."""
    return [
        f"unrecognised network interface sysctl '{entry}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', "
        "'X' must be 'ipv4', 'ipv6' or 'mpls'"
        for entry in _entries(spec)
        if _ENTRY.fullmatch(entry) is None
    ]


def sysctl_ops(endpoint: Endpoint, netns: str) -> Sequence[Op]:
    """Return what sets them on the endpoint's interface."""
    ops = []
    for entry in _entries(endpoint.spec):
        name, _, value = entry.partition("=")
        # The interface's name may hold a dot, so it is put in last.
        key = name.replace(".", "/").replace("IFNAME", endpoint.interface)
        ops.append(SetSysctl(key=key, value=value, netns=netns))
    return ops
