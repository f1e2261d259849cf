"""`check` and `repair`: where the machine is not as the engine's rows say, and putting it right."""

from collections.abc import Sequence

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, encode, items, text
from netwright.frontends.cli.failures import DIFFERENT
from netwright.frontends.cli.rows import JSON


def _check(call: Call) -> int:
    found = items(call.engine.get("/netwright/check"))
    if call.values.on("json"):
        call.console.line(encode(list(found), indent=4 if call.console.is_terminal else None))
    elif found:
        _print(call, found, "cure: ")
    else:
        call.console.line("nothing: everything is as it should be")
    return DIFFERENT if found else 0


def _repair(call: Call) -> int:
    said = call.engine.post("/netwright/repair")
    mended, left = (items(said.get(key) if isinstance(said, dict) else None) for key in ("Mended", "Left"))
    if call.values.on("json"):
        call.console.line(encode(said, indent=4 if call.console.is_terminal else None))
        return DIFFERENT if left else 0
    _print(call, mended, "done: ")
    _print(call, left, "could not be done: ")
    if not (mended or left):
        call.console.line("nothing to repair: everything is as it should be")
    return DIFFERENT if left else 0


def _print(call: Call, differences: Sequence[Json], ending: str) -> None:
    for one in differences:
        call.console.line(f"{text(one, 'Subject')}: {text(one, 'What')}\n    {ending}{text(one, 'Cure')}")


CHECK = Command(
    "[OPTIONS]",
    _check,
    (
        Example("check", "every difference between what should be and what is, each with its cure; nothing is changed"),
        Example("check --json", "for a monitor; the exit code is 3 where something differs"),
    ),
    flags=(JSON,),
    about="The exit code is 0 where everything is as it should be, 3 where something differs, 1 where nobody can tell.",
)
REPAIR = Command(
    "[OPTIONS]",
    _repair,
    (Example("repair", "put everything right, and say what was wrong; what stands right is left alone"),),
    flags=(JSON,),
    about="The exit code is 0 where everything is right now, 3 where something is left, 1 where it could not be tried.",
)
