"""What cannot go together in a request for a container, refused in Docker's words and order. Pure."""

import re
from collections.abc import Collection, Iterable

from netwright.containers.signals import parse_signal
from netwright.containers.spec.capabilities import choose
from netwright.containers.spec.resources import check_limits
from netwright.dns.hosts import split_extra
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.addressing import parse_address
from netwright.model.container import ContainerConfig, ContainerRequest, HostSettings, RestartWhen

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_HOSTNAME = 64
_UNDEFINED = "This would result in undefined behavior"
_TERMINATE = 15


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


def check(request: ContainerRequest, processors: Collection[int]) -> tuple[str, ...]:
    """Return warnings. `processors` are the numbers of this machine's. Raises InvalidInput, NotBuilt."""
    config, host = request.config, request.host
    _check_hostname(config)
    _check_names(config, host)
    _check_program(config)
    _check_modes(config, host)
    _check_restart(host)
    _check_built(host)
    check_limits(host.limits, processors)
    choose(add=host.cap_add, drop=host.cap_drop, privileged=False)
    if host.network_mode == "host" and (host.ports or host.publish_all):
        return ("Published ports are discarded when using host network mode",)
    return ()


def _check_hostname(config: ContainerConfig) -> None:
    name = config.hostname
    if name and (len(name) > _LONGEST_HOSTNAME or _HOSTNAME.fullmatch(name) is None):
        raise InvalidInput(f"invalid hostname format: {name}")


def _check_names(config: ContainerConfig, host: HostSettings) -> None:
    """Refuse what would not stay in its line of /etc/hosts or /etc/resolv.conf."""
    if config.domainname and not _is_word(config.domainname):
        raise InvalidInput(f"invalid domainname format: {config.domainname}")
    for text in host.dns:
        parse_address(text)
    for text in host.dns_search:
        if not _is_word(text):
            raise InvalidInput(f"invalid domain to search in: {text!r}")
    for text in host.dns_options:
        if not _is_word(text):
            raise InvalidInput(f"invalid option for the resolver: {text!r}")
    for text in host.extra_hosts:
        split_extra(text)
    for text in host.links:
        if not 1 <= len(text.split(":")) <= 2 or not all(text.split(":")):
            raise InvalidInput(f"bad format for links: {text}")


def _is_word(text: str) -> bool:
    """Tell whether a text is one word that can be shown."""
    return text.isprintable() and len(text.split()) == 1 and text == text.strip()


def _check_program(config: ContainerConfig) -> None:
    """Refuse what cannot be handed to a program: it would be found out only when the container starts."""
    words: Iterable[str] = (
        *(config.entrypoint or ()),
        *(config.command or ()),
        *config.environment,
        config.directory,
        config.user,
    )
    for word in words:
        if "\0" in word:
            raise InvalidInput(f"a program cannot be given a text with a NUL byte: {word!r}")
    for entry in config.environment:
        if not entry.partition("=")[0]:
            raise InvalidInput(f"invalid environment variable: {entry}")
    parse_signal(config.stop_signal, _TERMINATE)


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
