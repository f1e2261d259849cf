"""`firewall show`, `check`, `explain`: which rules should stand, whether they do, why a packet arrives or does not."""

from collections.abc import Sequence

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, encode, items, text, texts
from netwright.frontends.cli.failures import DIFFERENT, CommandFailed
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.rows import JSON

_ENDS = {
    "container": "yes{}: the container gets it",
    "host": "this host itself gets it",
    "out": "yes{}: it leaves this host",
    "refused": "no: it is refused",
    "dropped": "no: it is dropped",
}


def _show(call: Call) -> int:
    call.console.write(1, call.engine.open("GET", "/netwright/firewall").body())
    return 0


def _explain(call: Call) -> int:
    # An arrow is for the eye; unquoted, a shell would take it for a redirection.
    words = [word for word in " ".join(call.arguments).replace("->", " ").split() if word != "to"]
    if len(words) != 2:
        raise CommandFailed("name who sends and where to, such as: netwright firewall explain '192.0.2.7 -> :8080'")
    found = call.engine.get("/netwright/firewall/explain", {"from": words[0], "to": words[1]})
    if call.values.on("json"):
        call.console.line(encode(found))
        return 0
    way = text(found, "Interface")
    call.console.line(f"from {text(found, 'From')} {f'by {way}' if way else '(this host)'} to {text(found, 'To')}")
    for step in texts(found, "Steps"):
        call.console.line(f"  {step}")
    notes = texts(found, "Notes")
    end = _ENDS.get(text(found, "Verdict"), text(found, "Verdict")).format(
        ", if nobody noted here drops it" if notes else ""
    )
    call.console.line(f"{end} at {text(found, 'ArrivesAt')}")
    for note in notes:
        call.console.line(f"note: {note}")
    return 0


def _check(call: Call) -> int:
    if call.values.on("repair"):
        call.engine.post("/netwright/firewall/repair")
    found = call.engine.get("/netwright/firewall/check")
    differences = items(found, "Differences")
    if call.values.on("json"):
        call.console.line(encode(found))
    else:
        _tell(call, differences, texts(found, "Notes"))
    return DIFFERENT if differences else 0


def _tell(call: Call, differences: Sequence[Json], notes: Sequence[str]) -> None:
    for one in differences:
        call.console.line(f"{text(one, 'Fault')} in {text(one, 'Where')}: {text(one, 'What')}")
        call.console.line(f"  cure: {text(one, 'Cure')}")
    count = len(differences)
    call.console.line(
        "everything stands as it should"
        if not count
        else f"{count} difference{'' if count == 1 else 's'}; netwright firewall check --repair puts right what it can"
    )
    for note in notes:
        call.console.line(f"note: {note}")


SHOW = Command(
    "",
    _show,
    (
        Example("firewall show", "the rules that should stand, as nft and iptables-restore read them"),
        Example("firewall show > rules", "what to load by hand where the engine runs with --iptables=false"),
    ),
)
EXPLAIN = Command(
    "[OPTIONS] FROM [to] TO",
    _explain,
    (
        Example("firewall explain '192.0.2.7 -> :8080'", "can this neighbour reach port 8080 of this host?"),
        Example("firewall explain web db:5432", "can container web reach container db?"),
        Example("firewall explain web 192.0.2.1:443", "can it reach something outside?"),
        Example("firewall explain host 127.0.0.1:53/udp", "can a program of this host?"),
    ),
    flags=(JSON,),
    least=1,
    most=3,
    offers=("containers", ""),
    about="FROM is an address, a container, or host; TO is [ADDRESS|CONTAINER]:PORT[/PROTO].",
)
CHECK = Command(
    "[OPTIONS]",
    _check,
    (
        Example("firewall check", "does the kernel have what it should, and nothing else in what is the engine's?"),
        Example("firewall check --repair", "put back what it can first"),
        Example("firewall check --json", "for a monitor; the exit code is 3 where something differs"),
    ),
    flags=(JSON, switch("repair", "Put everything right first, then check")),
    about="The exit code is 0 where everything is as it should be, 3 where something differs, 1 where nobody can tell.",
)
