"""The table of options as help, as a documentation page, and as shell completion."""

import sys
import textwrap
from collections.abc import Iterator, Sequence

from netwright.config.option import Group, Option, Shape
from netwright.config.table import FOREIGN, OPTIONS

_INDENT = 34
"""The column at which the help's texts begin."""


def render_help(program: str, width: int = 100) -> str:
    """Return the text of `--help` for lines of `width` characters."""
    lines = [
        f"Usage:  {program} [OPTIONS]",
        "",
        "Run the engine in the foreground until SIGTERM; SIGHUP reads daemon.json again.",
        "Every option has a key of the same meaning in daemon.json; nothing may stand in both.",
    ]
    for group in Group:
        members = [option for option in OPTIONS.values() if option.group is group and option.flag]
        lines += ["", f"{group.value}:", *(line for option in members for line in _entry(option, width))]
    names = ", ".join(f"--{option.flag}" for option in FOREIGN if option.flag)
    lines += ["", "Accepted as dockerd's, without effect:", *_wrapped(names, 2, width)]
    return "\n".join(lines) + "\n"


def _entry(option: Option, width: int) -> Iterator[str]:
    left = "  " + ("" if option.short else "    ") + option.flags + _metavar(option)
    right = textwrap.wrap(option.help + _default(option), max(width - _INDENT, 24), break_on_hyphens=False)
    if len(left) > _INDENT - 2:
        yield left
        left = ""
    yield f"{left:<{_INDENT}}{right[0]}"
    yield from (" " * _INDENT + line for line in right[1:])


def _metavar(option: Option) -> str:
    """Return what stands for the value; a choice is named in the text instead, where it may wrap."""
    if option.shape is Shape.SWITCH:
        return ""
    return " name" if option.kind.choices else f" {option.kind.metavar}"


def _default(option: Option) -> str:
    notes = []
    if option.kind.choices:
        notes.append(" or ".join(option.kind.choices))
    if option.shape is Shape.MANY:
        notes.append("may be repeated")
    if option.default and option.default != "false":
        notes.append(f"default {option.default}")
    return f" ({'; '.join(notes)})" if notes else ""


def _wrapped(text: str, indent: int, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )


_PAGE = """\
# Options of the daemon

<!-- Written by netwright.config.render from the table of options; a test keeps it so. -->

`netwright daemon` (also installed as `dockerd-netwright`) takes its options from the command line and from a file,
`/etc/netwright/daemon.json` unless `--config-file` names another. Flags and keys are those of Docker's daemon. What
stands in both is refused, even where both say the same, and so is what neither Docker nor netwright knows: in one line,
with exit code 1. `--validate` checks without starting anything.

Switches are true when named (`--ipv6`) and are switched off with `=` (`--icc=false`). Options that may be repeated are
lists in the file. A complete example:

```json
{example}
```

`SIGHUP` makes a running engine read the file again. It takes over the options marked "on reload" and names in its log
those that have to wait for the next start.
"""

EXAMPLE = """\
{
  "bip": "192.168.5.1/24",
  "default-address-pools": [{"base": "10.64.0.0/12", "size": 24}],
  "default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1400"}},
  "dns": ["192.0.2.53"],
  "firewall-backend": "nftables",
  "labels": ["site=attic"],
  "log-level": "info",
  "userland-proxy": false
}"""
"""The file in the documentation."""

_FOREIGN = """
## Options of Docker's daemon without effect

They are accepted, so that whatever starts `dockerd` can start netwright, and each one given is noted in the log.

| flag | key | instead |
| --- | --- | --- |
"""


def render_page() -> str:
    """Return the documentation page of the options, in Markdown."""
    parts = [_PAGE.replace("{example}", EXAMPLE)]
    for group in Group:
        rows = [_row(option) for option in OPTIONS.values() if option.group is group]
        parts.append(f"\n## {group.value}\n\n| flag | key | meaning | default |\n| --- | --- | --- | --- |\n")
        parts.append("".join(rows))
    parts.append(_FOREIGN)
    parts += [f"| {_code(option.flags)} | {_code(option.key)} | {option.without} |\n" for option in FOREIGN]
    return "".join(parts)


def _row(option: Option) -> str:
    remarks = ["repeat for several"] if option.shape is Shape.MANY else []
    remarks += ["on reload"] if option.reloadable else []
    meaning = option.help + (f" ({'; '.join(remarks)})" if remarks else "")
    if option.kind.choices:
        meaning += ": " + ", ".join(f"`{choice}`" for choice in option.kind.choices)
    flag = option.flags + ("" if option.shape is Shape.SWITCH or not option.flag else f" {_plain_metavar(option)}")
    return f"| {_code(flag)} | {_code(option.key)} | {_cell(meaning)} | {_default_cell(option)} |\n"


def _plain_metavar(option: Option) -> str:
    metavar = option.kind.metavar
    return "NAME" if option.kind.choices else metavar if "=" in metavar else metavar.upper()


def _default_cell(option: Option) -> str:
    """Return the default as code where it is a value, and as it is where it is a phrase."""
    return option.default if " " in option.default else _code(option.default)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def completions(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return what may complete the last of the words typed after `netwright daemon`, each with its help.

    An empty list means that the shell should offer what it knows itself, such as files.
    """
    last = words[-1] if words else ""
    before = words[-2] if len(words) > 1 else ""
    flag, equals, value = last.partition("=")
    if equals:
        return [(f"{flag}={choice}", text) for choice, text in _values(flag) if choice.startswith(value)]
    taken = _option(before)
    if taken is not None and taken.shape is not Shape.SWITCH:
        return [(choice, text) for choice, text in _values(before) if choice.startswith(last)]
    flags = (option for option in OPTIONS.values() if option.flag)
    return [(f"--{option.flag}", option.help) for option in flags if f"--{option.flag}".startswith(last)]


def _option(flag: str) -> Option | None:
    found = (option for option in OPTIONS.values() if flag and flag in option.flags.split(", "))
    return next(found, None)


def _values(flag: str) -> list[tuple[str, str]]:
    option = _option(flag)
    if option is None:
        return []
    if option.shape is Shape.SWITCH:
        return [("true", option.help), ("false", "")]
    return [(choice, "") for choice in option.kind.choices]


if __name__ == "__main__":
    sys.stdout.write(render_page())
