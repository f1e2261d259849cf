"""Attaching to containers: what `run`, `start -a` and `attach` have in common."""

from netwright.frontends.cli.client import Engine, Response, Upgraded
from netwright.frontends.cli.command import Call
from netwright.frontends.cli.document import decode, number, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.session import Wishes
from netwright.frontends.cli.terminal import Size


def attach(
    engine: Engine, container: str, *, stdin: bool, stdout: bool = True, stderr: bool = True, detach_keys: str = ""
) -> Upgraded:
    """Open the streams of a container, which may not have started yet. Raises EngineRefused."""
    query = {"stream": True, "stdin": stdin or None, "stdout": stdout or None, "stderr": stderr or None}
    return engine.upgrade(f"/containers/{container}/attach", {**query, "detachKeys": detach_keys or None})


def wishes(call: Call, container: str, *, stdin: bool, tty: bool) -> Wishes:
    """Return how a session with a container is to be, by the flags `detach-keys` and `sig-proxy`."""
    engine = call.engine

    def resize(size: Size) -> None:
        engine.post(f"/containers/{container}/resize", {"h": size.rows, "w": size.columns})

    def proxy(signal: str) -> None:
        engine.post(f"/containers/{container}/kill", {"signal": signal})

    # A terminal in raw mode sends ctrl-c as a key, so there are no signals to hand on.
    proxied = call.values.on("sig-proxy") and not tty
    return Wishes(stdin, tty, call.values.text("detach-keys"), resize, proxy if proxied else None)


def begin_wait(engine: Engine, container: str, condition: str) -> Response:
    """Begin to wait for a container's end. It is registered when this returns, so a quick end is not missed."""
    return engine.open("POST", f"/containers/{container}/wait", {"condition": condition})


def exit_code(waiting: Response) -> int:
    """Wait to the end and return the container's exit code. Raises CommandFailed where it could not be started."""
    answer = decode(waiting.body())
    if reason := text(answer, "Error", "Message"):
        raise CommandFailed(reason, code=125)
    return number(answer, "StatusCode")
