"""`stop`, `restart`, `kill`, `rm`, `rename`, `wait`: what takes a container from one state to another."""

from netwright.frontends.cli.client import Query
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import number
from netwright.frontends.cli.failures import EngineRefused
from netwright.frontends.cli.flags import Flag, Kind, switch
from netwright.frontends.cli.outcome import for_each

_SIGNAL = Flag("signal", "Signal to send to the container", short="s", takes="signal", offers=("signals",))
_TIMEOUT = Flag(
    "timeout", "Seconds to wait before killing the container", Kind.NUMBER, "t", takes="seconds", also=("time",)
)


def _ending(call: Call) -> Query:
    seconds = call.values.number("timeout") if call.values.given("timeout") else None
    return {"t": seconds, "signal": call.values.text("signal") or None}


def _stop(call: Call) -> int:
    return for_each(call, lambda name: _posted(call, name, "stop", _ending(call)))


def _restart(call: Call) -> int:
    return for_each(call, lambda name: _posted(call, name, "restart", _ending(call)))


def _kill(call: Call) -> int:
    signal = call.values.text("signal") or None
    return for_each(call, lambda name: _posted(call, name, "kill", {"signal": signal}))


def _remove(call: Call) -> int:
    query: Query = {"force": call.values.on("force"), "v": call.values.on("volumes")}

    return for_each(call, lambda name: _removed(call, name, query))


def _removed(call: Call, name: str, query: Query) -> str | None:
    """Remove a container. With `--force` one that is not there is told of, but is no failure (Docker's rule)."""
    try:
        call.engine.delete(f"/containers/{name.strip('/')}", query)
    except EngineRefused as refusal:
        if refusal.status != 404 or not call.values.on("force"):
            raise
        call.console.note(refusal.message)
        return ""
    return None


def _rename(call: Call) -> int:
    old, new = call.arguments
    call.engine.post(f"/containers/{old}/rename", {"name": new})
    return 0


def _wait(call: Call) -> int:
    return for_each(call, lambda name: str(number(call.engine.post(f"/containers/{name}/wait"), "StatusCode")))


def _posted(call: Call, name: str, verb: str, query: Query) -> None:
    call.engine.post(f"/containers/{name}/{verb}", query)


STOP = Command(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    _stop,
    (
        Example("stop web", "ask it to end, and kill it after ten seconds"),
        Example("stop -t 1 web db", "give two containers one second each"),
    ),
    flags=(_SIGNAL, _TIMEOUT),
    least=1,
    most=None,
    offers=("running",),
)
RESTART = Command(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    _restart,
    (Example("restart web", "stop it and start it again; addresses and ports stay"),),
    flags=(_SIGNAL, _TIMEOUT),
    least=1,
    most=None,
    offers=("containers",),
)
KILL = Command(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    _kill,
    (
        Example("kill web", "end it at once with SIGKILL"),
        Example("kill -s HUP web", "let a server read its configuration again"),
    ),
    flags=(_SIGNAL,),
    least=1,
    most=None,
    offers=("running",),
)
RM = Command(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    _remove,
    (
        Example("rm web", "remove a stopped container"),
        Example("rm -f $(netwright ps -aq)", "remove all, running or not"),
    ),
    flags=(
        switch("force", "Remove it even if it runs (SIGKILL)", "f"),
        switch("volumes", "Remove its anonymous volumes too", "v"),
    ),
    least=1,
    most=None,
    offers=("containers",),
)
RENAME = Command(
    "CONTAINER NEW_NAME",
    _rename,
    (Example("rename brisk_heron web", "give it a better name; it may be running"),),
    least=2,
    most=2,
    offers=("containers", ""),
)
WAIT = Command(
    "CONTAINER [CONTAINER...]",
    _wait,
    (Example("wait job", "wait until it ends and print its exit code"),),
    least=1,
    most=None,
    offers=("containers",),
)
