"""`pull`."""

from netwright.frontends.cli.client import Engine
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.images import Progress, Reference, parse_reference, split_name


def fetch(engine: Engine, reference: Reference, progress: Progress, platform: str = "") -> None:
    """Let the engine fetch an image and show how far it is. Raises CommandFailed."""
    query = {"fromImage": reference.repository, "tag": reference.tag or None, "platform": platform or None}
    progress.follow(engine.open("POST", "/images/create", query).lines())


def _pull(call: Call) -> int:
    written = call.arguments[0]
    reference = parse_reference(written)
    quiet = call.values.on("quiet")
    if call.values.on("all-tags"):
        return _pull_all(call, written, quiet=quiet)
    if not quiet and reference.tag == "latest" and not written.endswith(":latest"):
        call.console.line("Using default tag: latest")
    fetch(call.engine, reference, Progress(call.console, quiet=quiet), call.values.text("platform"))
    call.console.line(str(reference))
    return 0


def _pull_all(call: Call, written: str, *, quiet: bool) -> int:
    if split_name(written)[1] or "@" in written:
        raise CommandFailed("tag can't be used with --all-tags/-a")
    every = Reference(parse_reference(written).repository, "")
    fetch(call.engine, every, Progress(call.console, quiet=quiet), call.values.text("platform"))
    call.console.line(every.repository)
    return 0


PULL = Command(
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    _pull,
    (
        Example("pull busybox", "fetch the image tagged latest"),
        Example("pull 127.0.0.1:5000/team/app:1.2", "from a registry of one's own"),
    ),
    flags=(
        switch("all-tags", "Download all that the repository has", "a"),
        Flag("platform", "Platform, such as linux/amd64", takes="platform"),
        switch("quiet", "Do not show the progress", "q"),
    ),
    least=1,
    most=1,
    offers=("images",),
)
