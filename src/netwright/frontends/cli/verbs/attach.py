"""`attach`."""

from contextlib import closing, suppress

from netwright.frontends.cli.attachment import attach, begin_wait, exit_code, wishes
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import flag
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.keys import DEFAULT
from netwright.frontends.cli.session import Wishes, refuse_without_terminal, run
from netwright.frontends.cli.terminal import Size, size

DETACH_KEYS = Flag("detach-keys", f"Keys that leave the container behind ({DEFAULT})", takes="keys")
SIG_PROXY = switch("sig-proxy", "Hand signals on to the process", default=True)


def _attach(call: Call) -> int:
    name = call.arguments[0]
    found = call.engine.get(f"/containers/{name}/json")
    for state, advice in (("Paused", "unpause it first"), ("Restarting", "wait until it is running")):
        if flag(found, "State", state):
            raise CommandFailed(f"cannot attach to a {state.lower()} container, {advice}")
    if not flag(found, "State", "Running"):
        raise CommandFailed("cannot attach to a stopped container, start it first")
    stdin = flag(found, "Config", "OpenStdin") and not call.values.on("no-stdin")
    wanted = wishes(call, name, stdin=stdin, tty=flag(found, "Config", "Tty"))
    refuse_without_terminal(wanted)
    with closing(begin_wait(call.engine, name, "not-running")) as waiting:
        upgraded = attach(call.engine, name, stdin=stdin, detach_keys=call.values.text("detach-keys"))
        left = run(upgraded, wanted, call.console, begin=lambda: _nudge(wanted))
        return 0 if left else exit_code(waiting)


def _nudge(wanted: Wishes) -> None:
    """Change the terminal's size for a moment, so that a program that fills the screen paints it again (as Docker)."""
    now = size() if wanted.tty else None
    if now is not None and wanted.resize is not None:
        with suppress(CommandFailed):
            wanted.resize(Size(now.rows + 1, now.columns + 1))


ATTACH = Command(
    "[OPTIONS] CONTAINER",
    _attach,
    (
        Example("attach web", f"see its output; leave it with {DEFAULT} if it has a terminal"),
        Example("attach --no-stdin --sig-proxy=false web", "only look: ctrl-c ends the look, not the container"),
    ),
    flags=(DETACH_KEYS, switch("no-stdin", "Do not attach stdin"), SIG_PROXY),
    least=1,
    most=1,
    offers=("running",),
)
