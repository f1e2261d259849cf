"""The options of one endpoint, the same for every driver that makes an interface.

`com.docker.network.endpoint.ifname` is the interface's name inside. `com.docker.network.endpoint.sysctls` is a
comma-separated list such as `net.ipv4.conf.IFNAME.log_martians=1`; IFNAME stands for the interface, whatever it will be
called. The docker command line turns everything into lower case, so `ifname` is taken as well.
"""

import re
from collections.abc import Sequence

from netwright.host.ops import Op, SetSysctl
from netwright.model.network import Endpoint, EndpointSpec

IFNAME = "com.docker.network.endpoint.ifname"
SYSCTLS = "com.docker.network.endpoint.sysctls"
ENDPOINT_OPTIONS = (IFNAME, SYSCTLS)

IFNAME_LENGTH = 15
"""The longest name that the kernel gives an interface (IFNAMSIZ less the final NUL)."""

_ENTRY = re.compile(r"net\.(ipv4|ipv6|mpls)\.[^.=]+\.IFNAME\.[^.=]+=.*")


def _entries(spec: EndpointSpec) -> list[str]:
    text = spec.driver_options.get(SYSCTLS, "").replace(".ifname.", ".IFNAME.")
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def is_interface_name(text: str) -> bool:
    """Tell whether the kernel takes a text as the name of an interface."""
    fits = len(text.encode()) <= IFNAME_LENGTH and text not in {"", ".", ".."}
    return fits and not any(
        character in "/:" or character.isspace() or not character.isprintable() for character in text
    )


def interface_name(spec: EndpointSpec) -> str:
    """Return the name that is asked for the endpoint's interface, or an empty text."""
    return spec.driver_options.get(IFNAME, "")


def endpoint_faults(spec: EndpointSpec) -> Sequence[str]:
    """Return what is wrong with an endpoint's options, in Docker's words where it has any."""
    name = interface_name(spec)
    faults = []
    if name and not is_interface_name(name):
        faults.append(f"invalid interface name {name!r}: up to {IFNAME_LENGTH} characters, no blank, slash or colon")
    return [*faults, *_sysctl_faults(spec)]


def _sysctl_faults(spec: EndpointSpec) -> Sequence[str]:
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
