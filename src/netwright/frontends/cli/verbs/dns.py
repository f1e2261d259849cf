"""`dns query` and `dns stats`: what the engine's resolver answers in containers and to the host, and how often."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, encode, items, number, text, texts
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.ordering import natural
from netwright.frontends.cli.rows import FORMAT, JSON, NO_TRUNC, Listing, Row, show

_COLUMNS = {
    "Name": "CONTAINER",
    "Queries": "QUERIES",
    "InKernel": "IN KERNEL",
    "Forwards": "FORWARDED",
    "Cached": "CACHED",
    "Failures": "FAILED",
    "Refused": "REFUSED",
    "Malformed": "MALFORMED",
    "Latency": "LATENCY",
}
_LISTING = Listing(_COLUMNS, name="Name")


def _query(call: Call) -> int:
    (name,) = call.arguments
    container = call.values.text("from")
    asked = {"name": name, "type": call.values.text("type")}
    said = call.engine.get(f"/netwright/containers/{container}/dns" if container else "/netwright/dns/host", asked)
    if call.values.on("json"):
        call.console.line(encode(said, indent=4 if call.console.is_terminal else None))
        return 0
    what = f"{text(said, 'Name')} {text(said, 'Type')}"
    for record in texts(said, "Told"):
        call.console.line(f"{what} {record}")
    if text(said, "Source") == "zone" and not texts(said, "Told"):
        call.console.line(f"{what}: the name is known and has nothing of this type")
    if servers := texts(said, "Servers"):
        call.console.line(f"{what}: forwarded to {', '.join(servers)}")
    call.console.line(f"why: {text(said, 'Why')}")
    if clash := text(said, "Clash"):
        call.console.line(f"note: network {clash} knows another one: {name}.{clash}")
    return 1 if text(said, "Source") == "nowhere" else 0


def _stats(call: Call) -> int:
    found = sorted(items(call.engine.get("/netwright/dns")), key=lambda counts: natural(text(counts, "Name")))
    return show(call, _LISTING, [_row(counts) for counts in found], found)


def _row(counts: Json) -> Row:
    forwards = number(counts, "Forwards")
    seconds = counts.get("ForwardSeconds", 0.0) if isinstance(counts, dict) else 0.0
    figures = {name: str(number(counts, name)) for name in _COLUMNS if name not in {"Name", "Latency"}}
    mean = f"{float(seconds) / forwards * 1000:.1f}ms" if forwards and isinstance(seconds, int | float) else "-"
    return {"Name": text(counts, "Name"), **figures, "Latency": mean}


QUERY = Command(
    "[OPTIONS] NAME",
    _query,
    (
        Example("dns query db --from web", "what web is told of db, and why"),
        Example("dns query example.org --type AAAA --from web", "whom a name is asked of that no network knows"),
        Example("dns query db.shop", "what the host itself is told, where the engine runs with --host-names"),
    ),
    flags=(
        Flag("from", "Container that asks; without it, the host itself does", takes="container"),
        Flag("type", "Type of record: A, AAAA, PTR, MX, ...", default="A"),
        JSON,
    ),
    least=1,
    most=1,
)
STATS = Command(
    "[OPTIONS]",
    _stats,
    (Example("dns stats", "queries of each container since it started; LATENCY is the mean of name servers"),),
    flags=(FORMAT, JSON, NO_TRUNC, switch("quiet", "Print only names", "q")),
)
