"""From what was given to a `Config`: merged, filled in, and checked as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netwright.config.given import Given, from_file, from_flags
from netwright.config.subnets import check_subnets
from netwright.config.table import OPTIONS, Config
from netwright.config.values import Listen
from netwright.errors import InvalidInput

# Docker merges what both say of runtimes instead of refusing it.
_MAY_BE_IN_BOTH = frozenset(("runtimes",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What has to be known before daemon.json can be read; `file_named` tells that it must be there."""

    help: bool
    version: bool
    config_file: Path
    file_named: bool


def invocation(argv: Sequence[str]) -> Invocation:
    """Take a first look at a command line. Raises InvalidInput."""
    flags = from_flags(argv)
    given = flags.get("config-file")
    named = given.value if given is not None else None
    return Invocation(
        help=_is_set(flags, "help"),
        version=_is_set(flags, "version"),
        config_file=named if isinstance(named, Path) else Config().config_file,
        file_named=named is not None,
    )


def _is_set(flags: Mapping[str, Given], name: str) -> bool:
    return name in flags and flags[name].value is True


def parse(argv: Sequence[str], file_text: str | None = None) -> Config:
    """Return what a command line (without its first word) and the text of daemon.json (None: there is none) ask for.

    Raises InvalidInput, one sentence, in Docker's words where Docker has them: for an unknown flag or key, for what is
    both in the flags and in the file, for a bad value, and for options that exclude each other.
    """
    flags = from_flags(argv)
    file = {} if file_text is None else from_file(file_text, invocation(argv).config_file)
    _refuse_clash(flags, file)
    config = _filled_in(_config({**file, **flags}))
    for check in _CHECKS:
        check(config)
    return config


def _refuse_clash(flags: Mapping[str, Given], file: Mapping[str, Given]) -> None:
    clashes = [
        f"{name}: (from flag: {flags[name].text}, from file: {file[name].text})"
        for name in flags
        if name in file and name not in _MAY_BE_IN_BOTH
    ]
    if clashes:
        raise InvalidInput(
            "the following directives are specified both as a flag and in the configuration file: " + ", ".join(clashes)
        )


def _config(given: Mapping[str, Given]) -> Config:
    # The one place where values lose their types: each was read by the kind that its field of Config was declared with.
    values: dict[str, Any] = {
        attribute: given[option.name].value for attribute, option in OPTIONS.items() if option.name in given
    }
    ignored = tuple(
        f"{entry.option.flags or entry.option.key} is accepted and has no effect: {entry.option.without}"
        for entry in given.values()
        if entry.option.without
    )
    return Config(**values, ignored=ignored)


def _filled_in(config: Config) -> Config:
    """Decide what was left open and depends on something else."""
    socket = Listen("unix", str(config.exec_root / "docker.sock"))
    hosts = tuple(socket if host == Listen("unix", "") else host for host in config.hosts)
    return replace(
        config,
        hosts=hosts or (socket,),
        pidfile=config.exec_root / "netwright.pid" if config.pidfile == Path() else config.pidfile,
        log_level="debug" if config.debug else config.log_level,
    )


def _check_bridge(config: Config) -> None:
    for flag, address in (("--bip", config.bip), ("--bip6", config.bip6)):
        if config.bridge and address is not None:
            raise InvalidInput(
                f"You specified -b & {flag}, mutually exclusive options. Please specify only one",
            )


def _check_icc(config: Config) -> None:
    for program, enabled in (("iptables", config.iptables), ("ip6tables", config.ip6tables or not config.ipv6)):
        if not enabled and not config.icc:
            raise InvalidInput(
                f"You specified --{program}=false with --icc=false. ICC=false uses {program} to function. "
                f"Please set --icc or --{program} to true"
            )


def _check_labels(config: Config) -> None:
    seen: dict[str, str] = {}
    for name, value in config.labels:
        if seen.setdefault(name, value) != value:
            raise InvalidInput(f"conflict labels for {name}={value} and {name}={seen[name]}")


def _check_host_gateways(config: Config) -> None:
    for version in (4, 6):
        if sum(address.version == version for address in config.host_gateway_ips) > 1:
            raise InvalidInput(f"only one IPv{version} host gateway IP address can be specified")


def _check_tcp(config: Config) -> None:
    """Refuse TCP without certificates on both sides: whoever reaches the API is root on the host."""
    tcp = next((host for host in config.hosts if host.scheme == "tcp"), None)
    if tcp is None and not config.tlsverify:
        return
    files = {"--tlscacert": config.tlscacert, "--tlscert": config.tlscert, "--tlskey": config.tlskey}
    missing = [flag for flag, path in files.items() if path is None]
    if not config.tlsverify:
        raise InvalidInput(
            f"{tcp} is refused: who reaches the API is root here, so over TCP it is offered only to clients with "
            "a certificate: add --tlsverify, --tlscacert, --tlscert and --tlskey, or reach the unix socket through ssh"
        )
    if missing:
        raise InvalidInput(f"--tlsverify needs {' and '.join(missing)} too")


_CHECKS = (_check_bridge, check_subnets, _check_icc, _check_labels, _check_host_gateways, _check_tcp)


def reloaded(running: Config, asked: Config) -> tuple[Config, tuple[str, ...], tuple[str, ...]]:
    """Return what becomes of a running engine's configuration when another one is asked for.

    With it come the names of the options that change now, and of those that differ and must wait for the next start.
    """
    changes: dict[str, Any] = {}
    now, later = [], []
    for attribute, option in OPTIONS.items():
        if getattr(running, attribute) == getattr(asked, attribute):
            continue
        if option.reloadable:
            changes[attribute] = getattr(asked, attribute)
            now.append(option.name)
        else:
            later.append(option.name)
    return replace(running, **changes), tuple(now), tuple(later)
