"""`logs`."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import flag
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.moments import moment
from netwright.frontends.cli.multiplex import Demultiplexer


def _logs(call: Call) -> int:
    name = call.arguments[0]
    values = call.values
    tty = flag(call.engine.get(f"/containers/{name}/json"), "Config", "Tty")
    response = call.engine.open(
        "GET",
        f"/containers/{name}/logs",
        {
            "stdout": True,
            "stderr": True,
            "follow": values.on("follow") or None,
            "timestamps": values.on("timestamps") or None,
            "tail": values.text("tail"),
            "since": moment(values.text("since")) if values.text("since") else None,
            "until": moment(values.text("until")) if values.text("until") else None,
        },
    )
    demultiplexer = Demultiplexer()
    for piece in response.pieces():
        if tty:
            call.console.write(1, piece)
            continue
        for stream, data in demultiplexer.feed(piece):
            call.console.write(stream, data)
    return 0


LOGS = Command(
    "[OPTIONS] CONTAINER",
    _logs,
    (
        Example("logs web", "all that it has written"),
        Example("logs -f -n 20 web", "the last twenty lines, and what follows"),
        Example("logs -t --since 10m web", "the last ten minutes, each line with its time"),
    ),
    flags=(
        switch("follow", "Stay and show what follows", "f"),
        Flag("since", "Show from this time on: 10m, 2013-01-02T13:23:37Z", takes="time"),
        Flag("tail", "Show only so many lines from the end", short="n", takes="lines", default="all"),
        switch("timestamps", "Put its time in front of each line", "t"),
        Flag("until", "Show up to this time", takes="time"),
    ),
    least=1,
    most=1,
    offers=("containers",),
)
