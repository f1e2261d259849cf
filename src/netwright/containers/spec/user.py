"""Users: what `-u` means inside an image, by its own /etc/passwd and /etc/group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netwright.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class User:
    """As whom a process runs; `groups` are the supplementary ones."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


def resolve(wanted: str, *, passwd: str, group: str, more_groups: Sequence[str] = ()) -> User:
    """Return the user that `name`, `uid`, `name:group` or `uid:gid` stands for; empty is root.

    As Docker has it: numbers need not be in the files; with a group given, or without an entry, no supplementary
    groups come from the file. `more_groups` are names or numbers of `--group-add`. Raises InvalidInput.
    """
    name, _, group_name = wanted.partition(":")
    uid, gid, known = _find_user(name or "0", passwd)
    groups: list[int] = []
    if group_name:
        gid = _find_group(group_name, group)
    elif known:
        groups = [number for _, number, members in _groups(group) if known in members]
    groups.extend(_find_group(item, group) for item in more_groups)
    return User(uid, gid, tuple(dict.fromkeys(groups)))


def _find_user(name: str, passwd: str) -> tuple[int, int, str]:
    """Return uid, gid and the name in the file, empty where a number is not in it."""
    for entry, uid, gid in _users(passwd):
        if entry == name or (name.isdigit() and uid == int(name)):
            return uid, gid, entry
    if name.isdigit():
        return int(name), 0, ""
    raise InvalidInput(f"unable to find user {name}: no matching entries in passwd file")


def _find_group(name: str, group: str) -> int:
    for entry, gid, _ in _groups(group):
        if entry == name:
            return gid
    if name.isdigit():
        return int(name)
    raise InvalidInput(f"unable to find group {name}: no matching entries in group file")


def _users(passwd: str) -> Iterator[tuple[str, int, int]]:
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and fields[2].isdigit() and fields[3].isdigit():
            yield fields[0], int(fields[2]), int(fields[3])


def _groups(group: str) -> Iterator[tuple[str, int, frozenset[str]]]:
    for line in group.splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and fields[2].isdigit():
            yield fields[0], int(fields[2]), frozenset(fields[3].split(","))
