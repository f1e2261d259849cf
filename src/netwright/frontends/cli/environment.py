"""Variables: `-e NAME=value`, `-e NAME` (the caller's own value), `--env-file`; and labels, which are written alike."""

import os
from pathlib import Path

from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, Kind, Values

ENV = Flag("env", "Set a variable: NAME=value, or NAME for the value it has here", Kind.LIST, "e", takes="variable")
ENV_FILE = Flag("env-file", "Set the variables in a file, one a line", Kind.LIST, takes="file", offers=("files",))


def environment(values: Values) -> list[str]:
    """Return the variables that the flags set, those of files first. Raises CommandFailed."""
    found: list[str] = []
    for name in values.many("env-file"):
        found += read_lines(name, inherit=True)
    for variable in values.many("env"):
        if variable.startswith("="):
            raise CommandFailed(f"invalid environment variable: {variable}", code=125)
        found += _inherited(variable) or [variable]  # a name alone that is not set here takes the image's value away
    return found


def read_lines(name: str, *, inherit: bool) -> list[str]:
    """Return the `NAME=value` lines of a file, comments left out.

    A name alone takes its value from the caller's environment where `inherit`, else it is empty. Raises CommandFailed.
    """
    try:
        whole = Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"open {name}: {getattr(error, 'strerror', '') or error}", code=125) from None
    found: list[str] = []
    for line in whole.splitlines():
        stripped = line.lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        key = stripped.partition("=")[0]
        if not key:
            raise CommandFailed(f"poorly formatted environment: no variable name on line '{stripped}'", code=125)
        if any(letter.isspace() for letter in key):
            raise CommandFailed(f"poorly formatted environment: variable '{key}' contains whitespaces", code=125)
        found += _inherited(stripped) if inherit else [stripped]
    return found


def _inherited(variable: str) -> list[str]:
    if "=" in variable:
        return [variable]
    return [f"{variable}={os.environ[variable]}"] if variable in os.environ else []
