"""Which command is meant by the words of a command line."""

from collections.abc import Sequence
from typing import NamedTuple

from netwright.frontends.cli.commands import GROUPS, TABLE, Entry, find, members
from netwright.frontends.cli.failures import BadUsage


class Found(NamedTuple):
    """A command and the words behind it; `spelling` is how it was written."""

    entry: Entry
    spelling: str
    words: tuple[str, ...]


def find_command(words: Sequence[str]) -> Found:
    """Return the command that the words begin with. Raises BadUsage with the nearest one there is."""
    for length in (2, 1):
        written = " ".join(words[:length])
        if len(words) >= length and (entry := find(written)):
            return Found(entry, f"netwright {written}", tuple(words[length:]))
    group = words[0] if words[0] in GROUPS else ""
    written = " ".join(words[:2]) if group else words[0]
    raise BadUsage(
        f"netwright: unknown command: netwright {written}{_meant(group, words)}\n\n"
        f"Run 'netwright{f' {group}' if group else ''} --help' for more information"
    )


def _meant(group: str, words: Sequence[str]) -> str:
    from difflib import get_close_matches

    if group:
        known, written = list(members(group)), words[1]
    else:
        known, written = [*GROUPS, *(entry.words for entry in TABLE if " " not in entry.words)], words[0]
    near = get_close_matches(written, known, n=3, cutoff=0.6)
    if not near:
        return ""
    choices = "\n".join(f"  netwright {f'{group} {word}' if group else word}" for word in near)
    return f"\n\nDid you mean:\n{choices}"
