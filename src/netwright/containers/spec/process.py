"""What runs in a container: the user's wish over the image's defaults, by Docker's rules of merging."""

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace

from netwright.errors import InvalidInput
from netwright.model.container import ContainerConfig, HostSettings, Image, Process

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

INIT_TARGET = "/sbin/docker-init"
"""Where `--init` finds its program inside the container."""


def merge(config: ContainerConfig, image: Image) -> ContainerConfig:
    """Return the configuration with the image's defaults filled in, which is what Docker's inspect shows.

    An entrypoint of the user's own takes the image's command away; one empty word clears the image's entrypoint.
    Raises InvalidInput where nothing is left to run.
    """
    command, entrypoint = config.command, config.entrypoint
    if not entrypoint:
        if not command:
            command = image.command or None
        if entrypoint is None:
            entrypoint = image.entrypoint or None
    if entrypoint == ("",):
        entrypoint = None
    if not command and not entrypoint:
        raise InvalidInput("no command specified")
    return replace(
        config,
        command=command,
        entrypoint=entrypoint,
        environment=_united(config.environment, image.environment),
        directory=_directory(config.directory or image.directory),
        user=config.user or image.user,
        labels={**image.labels, **config.labels},
        exposed=tuple(dict.fromkeys((*config.exposed, *image.exposed))),
        volumes=tuple(dict.fromkeys((*config.volumes, *image.volumes))),
        stop_signal=config.stop_signal or image.stop_signal,
    )


def process(merged: ContainerConfig, host: HostSettings, *, hostname: str) -> Process:
    """Return the process of a merged configuration, with the environment that Docker adds."""
    arguments = (*(merged.entrypoint or ()), *(merged.command or ()))
    if host.init:
        arguments = (INIT_TARGET, "--", *arguments)
    defaults = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}"]
    if merged.tty:
        defaults.append("TERM=xterm")
    return Process(
        arguments=arguments,
        environment=overlaid(defaults, merged.environment),
        directory=merged.directory or "/",
        user=merged.user,
        tty=merged.tty,
    )


def overlaid(defaults: Iterable[str], changes: Iterable[str]) -> tuple[str, ...]:
    """Return an environment with changes put over it: `NAME=value` sets, a bare `NAME` removes; order is kept."""
    values = {_name(entry): entry for entry in defaults}
    for entry in changes:
        if "=" in entry:
            values[_name(entry)] = entry
        else:
            values.pop(entry, None)
    return tuple(values.values())


def _united(own: Sequence[str], inherited: Sequence[str]) -> tuple[str, ...]:
    """Return the user's entries, then those of the image that they do not name."""
    named = {_name(entry) for entry in own}
    return (*own, *(entry for entry in inherited if _name(entry) not in named))


def _name(entry: str) -> str:
    return entry.partition("=")[0]


def _directory(path: str) -> str:
    if not path:
        return ""
    if not path.startswith("/"):
        raise InvalidInput(f"the working directory '{path}' is invalid, it needs to be an absolute path")
    return posixpath.normpath(path).replace("//", "/")
