"""`exec`."""

from collections.abc import Callable

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, flag, number, text
from netwright.frontends.cli.environment import ENV, ENV_FILE, environment
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.session import Wishes, refuse_without_terminal, run
from netwright.frontends.cli.terminal import Size, size
from netwright.frontends.cli.verbs.attach import DETACH_KEYS


def _exec(call: Call) -> int:
    container, *command = call.arguments
    values = call.values
    detached, tty = values.on("detach"), values.on("tty")
    stdin = values.on("interactive") and not detached
    refuse_without_terminal(Wishes(stdin, tty))
    body: dict[str, Json] = {
        "Cmd": [*command],
        "User": values.text("user"),
        "WorkingDir": values.text("workdir"),
        "Privileged": values.on("privileged"),
        "Env": [*environment(values)],
        "Tty": tty,
        "AttachStdin": stdin,
        "AttachStdout": not detached,
        "AttachStderr": not detached,
        "DetachKeys": values.text("detach-keys"),
    }
    console = size() if tty else None
    if console is not None:
        body["ConsoleSize"] = [console.rows, console.columns]
    identity = text(call.engine.post(f"/containers/{container}/exec", body=body), "Id")
    start: dict[str, Json] = {"Detach": detached, "Tty": tty}
    if detached:
        call.engine.post(f"/exec/{identity}/start", body=start)
        return 0
    if console is not None:
        start["ConsoleSize"] = [console.rows, console.columns]
    return _attached(call, identity, Wishes(stdin, tty, values.text("detach-keys"), _resizer(call, identity)), start)


def _attached(call: Call, identity: str, wishes: Wishes, start: Json) -> int:
    detached = run(call.engine.upgrade(f"/exec/{identity}/start", body=start), wishes, call.console)
    found = call.engine.get(f"/exec/{identity}/json")
    return 0 if detached or flag(found, "Running") else number(found, "ExitCode")


def _resizer(call: Call, identity: str) -> Callable[[Size], None]:
    def resize(size: Size) -> None:
        call.engine.post(f"/exec/{identity}/resize", {"h": size.rows, "w": size.columns})

    return resize


EXEC = Command(
    "[OPTIONS] CONTAINER COMMAND [ARG...]",
    _exec,
    (
        Example("exec -it web sh", "a shell in a running container"),
        Example("exec web ip address", "one command; its exit code is that of exec"),
        Example("exec -d -e LEVEL=3 web rebuild", "in the background, with a variable"),
    ),
    flags=(
        switch("detach", "Run the command in the background", "d"),
        DETACH_KEYS,
        ENV,
        ENV_FILE,
        switch("interactive", "Keep stdin open", "i"),
        switch("privileged", "Give the command all rights"),
        switch("tty", "Give it a terminal", "t"),
        Flag("user", "User and group: name or number, user:group", short="u", takes="user"),
        Flag("workdir", "Working directory in the container", short="w", takes="path"),
    ),
    least=2,
    most=None,
    offers=("running", ""),
    mixed=False,
)
