"""What an option is, and the three ways in which a field of `Config` declares one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")

METADATA = "option"
"""The key under which a field of `Config` carries its `Option`."""


class Group(Enum):
    """The headings under which options are shown, in this order."""

    ENGINE = "Engine"
    ACCESS = "Access to the API"
    LOG = "Log"
    BRIDGE = "Default bridge network"
    NETWORKS = "All networks"
    FIREWALL = "Firewall and forwarding"
    NAMES = "Names"
    CONTAINERS = "Containers"
    ACTIONS = "Instead of running"


class Shape(Enum):
    """How often an option may be given, and whether it takes a value."""

    SWITCH = "switch"
    """`--icc`, `--icc=false`; true or false in the file."""
    ONE = "one"
    """One value; on the command line the last one counts."""
    MANY = "many"
    """The flag is repeated; a list in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[T_co]):
    """A type of values: how one is read from a flag's text, how from the file's JSON, and how it is called in the help.

    Both readers raise ValueError with the reason. For options that may be repeated `from_json` reads one element of the
    list, unless `whole` is given: it reads everything that stands under the key.
    """

    metavar: str
    from_text: Callable[[str], T_co]
    from_json: Callable[[object], T_co]
    whole: Callable[[object], tuple[T_co, ...]] | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of the daemon.

    `flag` is the long flag without dashes, "" where only the file has it; `key` is the name in daemon.json, "" where
    only the command line has it. `without` says, for an option of Docker's that has no meaning here, what is so
    instead; it is then accepted and noted in the log.
    """

    flag: str
    short: str
    key: str
    shape: Shape
    kind: Kind[object]
    group: Group
    help: str
    default: str = ""
    reloadable: bool = False
    without: str = ""

    @property
    def flags(self) -> str:
        """Return all its spellings on the command line: `-D, --debug`."""
        return ", ".join(([f"-{self.short}"] if self.short else []) + ([f"--{self.flag}"] if self.flag else []))

    @property
    def name(self) -> str:
        """What messages call it: Docker's name, with dashes."""
        return self.key or self.flag


def _names(names: str) -> tuple[str, str]:
    """Split `-D --debug` into the long name and the short one, both without dashes."""
    words = names.split()
    long = next((word[2:] for word in words if word.startswith("--")), "")
    short = next((word[1] for word in words if not word.startswith("--")), "")
    return long, short


def one(  # noqa: PLR0913 - the columns of a table
    names: str,
    kind: Kind[T],
    default: D,
    group: Group,
    text: str,
    *,
    key: str | None = None,
    shown: str | None = None,
    reloadable: bool = False,
) -> T | D:
    """Declare an option with one value.

    `names` is like `-l --log-level`; `key` is its name in the file where that differs ("" for none). `shown` describes
    the default where its value does not do so itself.
    """
    flag, short = _names(names)
    option = Option(
        flag=flag,
        short=short,
        key=flag if key is None else key,
        shape=Shape.ONE,
        kind=kind,
        group=group,
        help=text,
        default=_shown(default) if shown is None else shown,
        reloadable=reloadable,
    )
    return field(default=default, metadata={METADATA: option})


def many(names: str, kind: Kind[T], group: Group, text: str, *, key: str, reloadable: bool = False) -> tuple[T, ...]:
    """Declare an option that may be given several times; its default is nothing."""
    flag, short = _names(names)
    option = Option(
        flag=flag,
        short=short,
        key=key,
        shape=Shape.MANY,
        kind=kind,
        group=group,
        help=text,
        reloadable=reloadable,
    )
    return field(default=(), metadata={METADATA: option})


def switch(
    names: str, default: bool, group: Group, text: str, *, key: str | None = None, reloadable: bool = False
) -> bool:
    """Declare an option that is true or false."""
    flag, short = _names(names)
    option = Option(
        flag=flag,
        short=short,
        key=flag if key is None else key,
        shape=Shape.SWITCH,
        kind=BOOLEAN,
        group=group,
        help=text,
        default=_shown(default),
        reloadable=reloadable,
    )
    return field(default=default, metadata={METADATA: option})


def foreign(names: str, shape: Shape, without: str, *, key: str | None = None) -> Option:
    """Return an option of Docker's that is accepted and has no meaning here."""
    flag, short = _names(names)
    return Option(
        flag=flag,
        short=short,
        key=flag if key is None else key,
        shape=shape,
        kind=BOOLEAN if shape is Shape.SWITCH else ANYTHING,
        group=Group.ENGINE,
        help="",
        without=without,
    )


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


# The spellings of Go's strconv.ParseBool, which Docker's flags take.
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def _boolean(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return text in _TRUE


def _json_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")  # noqa: TRY004 - readers raise ValueError
    return value


def _anything(value: object) -> object:
    return value


BOOLEAN: Kind[bool] = Kind(metavar="", from_text=_boolean, from_json=_json_boolean)

ANYTHING: Kind[object] = Kind(metavar="value", from_text=_anything, from_json=_anything, whole=lambda value: (value,))
"""The value of an option that has no meaning here: it is not looked at."""
