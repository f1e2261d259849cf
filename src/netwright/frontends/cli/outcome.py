"""Doing the same to several things: each is tried, failures are told at the end, as Docker does."""

from collections.abc import Callable

from netwright.frontends.cli.command import Call
from netwright.frontends.cli.failures import CommandFailed, EngineRefused, EngineUnreachable


def for_each(call: Call, act: Callable[[str], str | None]) -> int:
    """Do something to every argument and return the exit code.

    What `act` returns is printed: for None the argument itself, for an empty text nothing.
    """
    failures: list[str] = []
    for argument in call.arguments:
        try:
            said = act(argument)
        except EngineUnreachable:
            raise
        except CommandFailed as failure:
            failures.append(failure.message)
        else:
            if said != "":
                call.console.line(argument if said is None else said)
    for message in failures:
        call.console.note(message)
    return 1 if failures else 0


def unless_missing(act: Callable[[], object]) -> bool:
    """Do something and tell whether it was done: False where what it names is not there (`--force`)."""
    try:
        act()
    except EngineRefused as refusal:
        if refusal.status != 404:
            raise
        return False
    return True
