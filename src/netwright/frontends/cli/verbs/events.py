"""`events`."""

from datetime import datetime

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, decode, mapping, number, text
from netwright.frontends.cli.flags import Flag
from netwright.frontends.cli.moments import moment
from netwright.frontends.cli.rows import FILTER, FORMAT, JSON, filters


def _events(call: Call) -> int:
    values = call.values
    response = call.engine.open(
        "GET",
        "/events",
        {
            "since": moment(values.text("since")) if values.text("since") else None,
            "until": moment(values.text("until")) if values.text("until") else None,
            "filters": filters(values.many("filter")),
        },
    )
    template = "json" if values.on("json") else values.text("format")
    if template and template != "json":
        from netwright.frontends.cli.template import compile_template

        compiled = compile_template(template.replace("\\t", "\t"))
    for line in response.lines():
        if not template:
            call.console.line(_written(decode(line)))
        elif template == "json":
            call.console.line(line.decode())
        else:
            call.console.line(compiled.render(_named(decode(line))))
        call.console.flush()
    return 0


def _written(event: Json) -> str:
    nanoseconds = number(event, "timeNano") or number(event, "time") * 10**9
    local = datetime.fromtimestamp(nanoseconds // 10**9).astimezone()
    zone = local.strftime("%z")
    stamp = f"{local:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09d}{zone[:3]}:{zone[3:]}"
    attributes = mapping(event, "Actor", "Attributes")
    details = ", ".join(f"{key}={attributes[key]}" for key in sorted(attributes))
    subject = f"{stamp} {text(event, 'Type')} {text(event, 'Action')} {text(event, 'Actor', 'ID')}"
    return f"{subject} ({details})" if details else subject


def _named(event: Json) -> Json:
    """Add the names that Docker's templates know besides those of the API."""
    return {
        **mapping(event),
        "TimeNano": number(event, "timeNano"),
        "Time": number(event, "time"),
        "ID": text(event, "Actor", "ID"),
        "Status": text(event, "Action"),
        "From": text(event, "Actor", "Attributes", "image"),
    }


EVENTS = Command(
    "[OPTIONS]",
    _events,
    (
        Example("events", "follow everything, until ctrl-c"),
        Example("events --since 1h --until 0s -f type=network", "what happened to networks in the last hour"),
        Example("events --format '{{.Action}} {{.Actor.Attributes.name}}'", "in a form of one's own"),
    ),
    flags=(
        FILTER,
        FORMAT,
        JSON._replace(summary="Print each event as a JSON document on a line"),
        Flag("since", "Show what happened from this time on too: 10m, 2013-01-02T13:23:37Z", takes="time"),
        Flag("until", "Stop at this time", takes="time"),
    ),
)
