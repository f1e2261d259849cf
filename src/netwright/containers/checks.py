"""What cannot go together in a request for a container, refused in Docker's words and order. Pure."""

import re

from netwright.containers.spec.capabilities import choose
from netwright.containers.spec.resources import check_limits
from netwright.dns.hosts import extra_entries
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.addressing import ANY_IPV4, parse_address
from netwright.model.container import ContainerConfig, ContainerRequest, HostSettings, RestartWhen

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_HOSTNAME = 64
_UNDEFINED = "This would result in undefined behavior"


def donor_of(mode: str) -> str | None:
    """Return whom a network mode `container:X` names, None for other modes. Raises InvalidInput where X is missing."""
    if not mode.startswith("container"):
        return None
    word, colon, name = mode.partition(":")
    if word != "container":
        return None
    if not colon or not name:
        raise InvalidInput("invalid network mode: invalid container format container:<name|id>")
    return name


def check(request: ContainerRequest) -> tuple[str, ...]:
    """Return warnings. Raises InvalidInput, NotBuilt."""
    config, host = request.config, request.host
    _check_hostname(config)
    _check_modes(config, host)
    extra_entries(host.extra_hosts, [ANY_IPV4])
    for server in host.dns:
        parse_address(server)
    _check_restart(host)
    _check_built(host)
    check_limits(host.limits)
    choose(add=host.cap_add, drop=host.cap_drop, privileged=False)
    if host.network_mode == "host" and (host.ports or host.publish_all):
        return ("Published ports are discarded when using host network mode",)
    return ()


def _check_hostname(config: ContainerConfig) -> None:
    name = config.hostname
    if name and (len(name) > _LONGEST_HOSTNAME or _HOSTNAME.fullmatch(name) is None):
        raise InvalidInput(f"invalid hostname format: {name}")


def _check_modes(config: ContainerConfig, host: HostSettings) -> None:
    if host.uts_mode == "host" and config.hostname:
        raise InvalidInput("conflicting options: hostname and the UTS mode")
    if host.network_mode == "host" and host.links:
        raise InvalidInput(f"conflicting options: host type networking can't be used with links. {_UNDEFINED}")
    if donor_of(host.network_mode) is not None:
        _check_joining(config, host)


def _check_joining(config: ContainerConfig, host: HostSettings) -> None:
    """Refuse what belongs to a network stack where the stack is another container's."""
    clashes = (
        (config.hostname, "hostname and the network mode"),
        (host.links, f"container type network can't be used with links. {_UNDEFINED}"),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (host.ports or host.publish_all, "port publishing and the container type network mode"),
        (config.exposed, "port exposing and the container type network mode"),
    )
    for present, words in clashes:
        if present:
            raise InvalidInput(f"conflicting options: {words}")


def _check_restart(host: HostSettings) -> None:
    policy = host.restart
    if policy.maximum and policy.when is not RestartWhen.ON_FAILURE:
        raise InvalidInput("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if policy.maximum < 0:
        raise InvalidInput("invalid restart policy: maximum retry count cannot be negative")
    if host.auto_remove and policy.when is not RestartWhen.NO:
        raise InvalidInput("can't create 'AutoRemove' container with restart policy")


def _check_built(host: HostSettings) -> None:
    for name, mode in (("pid", host.pid_mode), ("ipc", host.ipc_mode), ("uts", host.uts_mode)):
        if mode.startswith("container:"):
            raise NotBuilt(f"--{name}={mode}: joining another container's {name} namespace is not built")
        if mode not in {"", "host", "private", "shareable", "none"}:
            raise InvalidInput(f"invalid {name.upper()} mode: {mode}")
