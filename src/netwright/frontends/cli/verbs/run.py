"""`run` and `create`."""

from contextlib import closing
from pathlib import Path

from netwright.frontends.cli.attachment import attach, begin_wait, exit_code, wishes
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.creation import attached_streams, container_request
from netwright.frontends.cli.document import Json, text, texts
from netwright.frontends.cli.failures import UNUSABLE, BadFlag, CommandFailed, EngineRefused
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.images import Progress, parse_reference
from netwright.frontends.cli.options import CREATE_FLAGS
from netwright.frontends.cli.session import refuse_without_terminal, run
from netwright.frontends.cli.verbs.attach import DETACH_KEYS, SIG_PROXY
from netwright.frontends.cli.verbs.pull import fetch

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_WORDS_OF_NOT_FOUND = (
    "executable file not found",
    "no such file or directory",
    "system cannot find the file specified",
)
_WORDS_OF_NOT_EXECUTABLE = ("permission denied", "is a directory", "operation not permitted")


def _create(call: Call) -> int:
    try:
        call.console.line(_made(call, detached=False))
    except BadFlag:
        raise
    except CommandFailed as failure:
        raise _as_of_run(call, failure, failure.code) from None
    return 0


def _run(call: Call) -> int:
    try:
        return _run_detached(call) if call.values.on("detach") else _run_attached(call)
    except BadFlag:
        raise
    except CommandFailed as failure:
        if not failure.message:  # a signal ended it
            raise
        code = failure.code if failure.code in {_NOT_FOUND, _NOT_EXECUTABLE} else UNUSABLE
        raise _as_of_run(call, failure, code) from None


def _run_detached(call: Call) -> int:
    identity = _made(call, detached=True)
    _start(call, identity)
    call.console.line(identity)
    return 0


def _run_attached(call: Call) -> int:
    values = call.values
    streams = attached_streams(values, detached=False)
    session = wishes(call, "", stdin="stdin" in streams, tty=values.on("tty"))
    refuse_without_terminal(session)
    identity = _made(call, detached=False)
    session = wishes(call, identity, stdin=session.stdin, tty=session.tty)
    upgraded = attach(
        call.engine,
        identity,
        stdin=session.stdin,
        stdout="stdout" in streams,
        stderr="stderr" in streams,
        detach_keys=values.text("detach-keys"),
    )
    # Attached and waited for before it starts, it can neither say nor end anything unseen.
    with (
        upgraded.sock,
        closing(begin_wait(call.engine, identity, "removed" if values.on("rm") else "next-exit")) as waiting,
    ):
        left = run(upgraded, session, call.console, begin=lambda: _start(call, identity))
        return 0 if left else exit_code(waiting)


def _start(call: Call, identity: str) -> None:
    try:
        call.engine.post(f"/containers/{identity}/start")
    except EngineRefused as refusal:
        raise CommandFailed(refusal.message, code=_code_of(refusal)) from None


def _made(call: Call, *, detached: bool) -> str:
    """Create the container, with its image pulled where that is wanted, and return its id."""
    image, *command = call.arguments
    values = call.values
    policy = values.text("pull")
    if policy not in {"always", "missing", "never"}:
        raise CommandFailed(
            f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"', code=UNUSABLE
        )
    body = container_request(values, image, command, detached=detached)
    cidfile = _reserved(values.text("cidfile"))
    if policy == "always":
        _pull(call, image)
    try:
        answer = _created(call, body)
    except EngineRefused as refusal:
        if policy != "missing" or refusal.status != 404 or "image" not in refusal.reason.lower():
            raise
        call.console.note(f"Unable to find image '{_with_tag(image)}' locally")
        _pull(call, image)
        answer = _created(call, body)
    for warning in texts(answer, "Warnings"):
        call.console.note(f"WARNING: {warning}")
    identity = text(answer, "Id")
    if cidfile is not None:
        cidfile.write_text(identity, encoding="ascii")
    return identity


def _created(call: Call, body: Json) -> Json:
    query = {"name": call.values.text("name") or None, "platform": call.values.text("platform") or None}
    return call.engine.post("/containers/create", query, body)


def _pull(call: Call, image: str) -> None:
    progress = Progress(call.console, to_errors=True, quiet=call.values.on("quiet"))
    fetch(call.engine, parse_reference(image), progress, call.values.text("platform"))


def _with_tag(image: str) -> str:
    return image if "@" in image or ":" in image.rpartition("/")[2] else f"{image}:latest"


def _reserved(name: str) -> Path | None:
    if not name:
        return None
    path = Path(name)
    if path.exists():
        raise CommandFailed(f"container ID file found, make sure the other container isn't running or delete {name}")
    return path


def _code_of(refusal: EngineRefused) -> int:
    """Return Docker's exit code for a failed start: by the words of the runtime, which are all that there is."""
    said = refusal.reason.lower()
    if any(words in said for words in _WORDS_OF_NOT_FOUND):
        return _NOT_FOUND
    if any(words in said for words in _WORDS_OF_NOT_EXECUTABLE):
        return _NOT_EXECUTABLE
    return UNUSABLE


def _as_of_run(call: Call, failure: CommandFailed, code: int) -> CommandFailed:
    message = f"netwright: {failure.message}\n\nRun '{call.spelling} --help' for more information"
    return CommandFailed(message, code=code)


_USAGE = "[OPTIONS] IMAGE [COMMAND] [ARG...]"

RUN = Command(
    _USAGE,
    _run,
    (
        Example("run --rm -it busybox sh", "a shell in a new container that goes when it ends"),
        Example("run -d --name web -p 8080:80 busybox httpd -f", "a server in the background, reachable at port 8080"),
        Example("run -d -p 127.0.0.1::53/udp dns", "a UDP port, on this host only, on any free port"),
        Example("run -it --network back --network-alias db --ip 10.9.0.5 postgres", "on a network of one's own"),
        Example("run --rm -v $PWD:/src:ro -w /src busybox ls", "with a directory of this host, read-only"),
    ),
    flags=tuple(
        sorted(
            (*CREATE_FLAGS, switch("detach", "Run in the background and print the id", "d"), DETACH_KEYS, SIG_PROXY),
            key=lambda flag: flag.name,
        )
    ),
    least=1,
    most=None,
    offers=("images", ""),
    mixed=False,
)
CREATE = Command(
    _USAGE,
    _create,
    (
        Example(
            "create --name web -p 8080:80 busybox httpd -f", "prepare it: address and name are its own from now on"
        ),
        Example("start web", "and let it run"),
    ),
    flags=CREATE_FLAGS,
    least=1,
    most=None,
    offers=("images", ""),
    mixed=False,
)
