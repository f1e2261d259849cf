"""From the words of a command line to the run of its command, and from its end to an exit code."""

import os
from collections.abc import Sequence

from netwright.frontends.cli.address import Certificates, certificates, choose
from netwright.frontends.cli.client import Engine
from netwright.frontends.cli.command import Call, Command
from netwright.frontends.cli.commands import GROUPS
from netwright.frontends.cli.console import Console
from netwright.frontends.cli.failures import BadFlag, BadUsage, CommandFailed
from netwright.frontends.cli.flags import Flag, Kind, Reader, Values
from netwright.frontends.cli.globals import GLOBAL_FLAGS
from netwright.frontends.cli.lookup import Found, find_command

_HELP = Flag("help", "Print usage", Kind.SWITCH)


def dispatch(words: Sequence[str], console: Console | None = None) -> int:
    """Run a command line and return its exit code; failures are told on stderr."""
    console = console or Console()
    try:
        return _dispatch(words, console)
    except CommandFailed as failure:
        if failure.message:
            console.note(failure.message)
        return failure.code


def _dispatch(words: Sequence[str], console: Console) -> int:
    options = _global_options(words)
    if options.on("version"):
        from netwright.frontends.cli.verbs.version import one_line

        console.line(one_line())
        return 0
    rest = options.arguments
    if not rest or options.on("help") or rest == ("help",):
        return _show_program_help(console)
    if rest[0] == "__complete":
        from netwright.frontends.cli.verbs.completion import complete

        return complete(rest[1:], engine(options), console)
    if rest[0] == "help":
        rest = (*rest[1:], "--help")
    if rest[0] in GROUPS and (len(rest) == 1 or rest[1] in {"--help", "-h", "help"}):
        from netwright.frontends.cli.help import of_group

        console.line(of_group(rest[0]))
        return 0
    return _run(find_command(rest), options, console)


def engine(options: Values) -> Engine:
    """Return the engine that the global options and the environment name."""
    tls: Certificates | None = None
    if any(options.given(name) for name in ("tls", "tlsverify", "tlscacert")):
        usual = certificates(os.environ, verify=options.on("tlsverify") or options.given("tlscacert"))
        tls = usual._replace(
            authority=options.text("tlscacert") or usual.authority,
            certificate=options.text("tlscert") or usual.certificate,
            key=options.text("tlskey") or usual.key,
        )
    return Engine(choose(options.text("host"), os.environ, tls), os.environ.get("DOCKER_API_VERSION", ""))


def read_values(command: Command, words: Sequence[str]) -> Values:
    """Read a command's flags and arguments. Raises BadFlag."""
    return Reader((*command.flags, _HELP), mixed=command.mixed).read(words)


def _run(found: Found, options: Values, console: Console) -> int:
    command = found.entry.load()
    ending = f"\n\n{_usage(command, found)}\n\nRun '{found.spelling} --help' for more information"
    try:
        values = read_values(command, found.words)
        if values.on("help"):
            from netwright.frontends.cli.help import of_command

            console.line(of_command(found.entry, command, found.spelling))
            return 0
        if (wrong := _wrong_count(command, len(values.arguments))) is not None:
            raise BadUsage(f"netwright: '{found.spelling}' {wrong}{ending}")
        return command.run(Call(engine(options), console, values, found.spelling))
    except BadFlag as failure:
        raise BadFlag(f"{failure.message}{ending}") from None


def _global_options(words: Sequence[str]) -> Values:
    try:
        return Reader(GLOBAL_FLAGS, mixed=False).read(words)
    except BadFlag as failure:
        hint = "Usage:  netwright [OPTIONS] COMMAND [ARG...]\n\nRun 'netwright --help' for more information"
        raise BadFlag(f"{failure.message}\n\n{hint}") from None


def _show_program_help(console: Console) -> int:
    from netwright.frontends.cli.help import of_program

    console.line(of_program())
    return 0


def _usage(command: Command, found: Found) -> str:
    return f"Usage:  {found.spelling} {command.usage}".rstrip()


def _wrong_count(command: Command, count: int) -> str | None:
    least, most = command.least, command.most
    if count >= least and (most is None or count <= most):
        return None
    if most == 0:
        return "accepts no arguments"
    if most is None:
        return f"requires at least {_arguments(least)}"
    if least == most:
        return f"requires {_arguments(least)}"
    return f"requires at least {least} and at most {_arguments(most)}"


def _arguments(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"
