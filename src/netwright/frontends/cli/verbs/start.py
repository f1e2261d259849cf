"""`start`."""

from contextlib import closing

from netwright.frontends.cli.attachment import attach, begin_wait, exit_code, wishes
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import flag, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.outcome import for_each
from netwright.frontends.cli.session import refuse_without_terminal, run
from netwright.frontends.cli.verbs.attach import DETACH_KEYS, SIG_PROXY


def _start(call: Call) -> int:
    if call.values.on("attach") or call.values.on("interactive"):
        if len(call.arguments) > 1:
            raise CommandFailed("you cannot start and attach multiple containers at once")
        return _start_attached(call, call.arguments[0])

    def start(name: str) -> None:
        call.engine.post(f"/containers/{name}/start")

    return for_each(call, start)


def _start_attached(call: Call, name: str) -> int:
    found = call.engine.get(f"/containers/{name}/json")
    identity = text(found, "Id") or name
    stdin = call.values.on("interactive") and flag(found, "Config", "OpenStdin")
    wanted = wishes(call, identity, stdin=stdin, tty=flag(found, "Config", "Tty"))
    refuse_without_terminal(wanted)
    removed = flag(found, "HostConfig", "AutoRemove")
    upgraded = attach(call.engine, identity, stdin=stdin, detach_keys=call.values.text("detach-keys"))
    condition = "removed" if removed else "next-exit"
    with upgraded.sock, closing(begin_wait(call.engine, identity, condition)) as waiting:
        left = run(upgraded, wanted, call.console, begin=lambda: _begin(call, identity))
        return 0 if left else exit_code(waiting)


def _begin(call: Call, identity: str) -> None:
    call.engine.post(f"/containers/{identity}/start")


START = Command(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    _start,
    (
        Example("start web db", "start two containers"),
        Example("start -ai shell", "start one and sit at its terminal"),
    ),
    flags=(
        switch("attach", "Attach output and hand signals on", "a"),
        DETACH_KEYS,
        switch("interactive", "Attach stdin", "i"),
        SIG_PROXY,
    ),
    least=1,
    most=None,
    offers=("stopped",),
)
