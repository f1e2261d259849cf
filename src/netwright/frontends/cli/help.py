"""Help: of the program, of a group of commands, of one command."""

import shutil
from collections.abc import Iterable, Sequence
from textwrap import wrap

from netwright.frontends.cli.command import Command
from netwright.frontends.cli.commands import COMMON, CONTAINERS, DAEMON, ENGINE, GROUPS, IMAGES, TABLE, Entry, members
from netwright.frontends.cli.flags import Flag
from netwright.frontends.cli.globals import GLOBAL_FLAGS

_FIRST_STEPS = """\
First steps:
  sudo netwright daemon &                     start the engine
  netwright pull busybox                      fetch an image
  netwright run -d --name web -p 8080:80 busybox httpd -f
  netwright port web                          where it is reachable
  netwright network inspect bridge            the network it is on"""


def of_program() -> str:
    """Return the help of `netwright` itself: every command in its group."""
    parts = [
        "Usage:  netwright [OPTIONS] COMMAND",
        "Docker's containers and networks, with a network engine of their own.",
        _FIRST_STEPS,
    ]
    for heading in (COMMON, CONTAINERS, IMAGES, ENGINE):
        rows = [(entry.words, entry.summary) for entry in TABLE if entry.heading == heading and " " not in entry.words]
        if heading == ENGINE:
            rows.append(DAEMON)
        parts.append(_section(heading, rows))
        if heading == COMMON:
            parts.append(_section("Management commands", GROUPS.items()))
    parts += [
        _flag_section("Global options", GLOBAL_FLAGS),
        "Run 'netwright COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(parts)


def of_group(group: str) -> str:
    """Return the help of a group such as `network`."""
    rows = [(word, entry.summary) for word, entry in members(group).items()]
    return "\n\n".join(
        (
            f"Usage:  netwright {group} COMMAND",
            GROUPS[group],
            _section("Commands", rows),
            f"Run 'netwright {group} COMMAND --help' for more information on a command.",
        )
    )


def of_command(entry: Entry, command: Command, spelling: str) -> str:
    """Return the help of one command: usage, examples, options."""
    parts = [usage(command, spelling), entry.summary + (f"\n\n{command.about}" if command.about else "")]
    if entry.also:
        spellings = ", ".join(f"netwright {words}" for words in (*entry.also, entry.words))
        parts.append(f"Aliases:\n  {spellings}")
    parts.append(
        "Examples:\n" + "\n".join(f"  # {example.does}\n  netwright {example.line}" for example in command.examples)
    )
    if command.flags:
        parts.append(_flag_section("Options", command.flags))
    return "\n\n".join(parts)


def usage(command: Command, spelling: str) -> str:
    """Return the line of usage of a command."""
    return f"Usage:  {spelling} {command.usage}".rstrip()


def _section(heading: str, rows: Iterable[tuple[str, str]]) -> str:
    return f"{heading}:\n" + "\n".join(f"  {word:<12}{summary}" for word, summary in rows)


def _flag_section(heading: str, flags: Sequence[Flag]) -> str:
    labels = [_label(flag) for flag in flags]
    column = max(map(len, labels)) + 3
    room = max(30, min(shutil.get_terminal_size((80, 24)).columns, 120) - column - 2)
    rows: list[str] = []
    for flag, label in zip(flags, labels, strict=True):
        default = f" (default {flag.default})" if flag.default else ""
        first, *more = wrap(flag.summary + default, room)
        rows.append(f"  {label:<{column}}{first}")
        rows += [" " * (column + 2) + line for line in more]
    return f"{heading}:\n" + "\n".join(rows)


def _label(flag: Flag) -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    return f"{short}--{flag.name} {flag.placeholder}".rstrip()
