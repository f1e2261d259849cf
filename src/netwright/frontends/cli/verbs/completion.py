"""`completion`, and what the shells ask while somebody types.

The scripts know nothing: at every tab they ask `netwright __complete WORDS...`, whose last word is the one being typed
(empty where it has not begun). The answer has a candidate a line, with a tab and what it means where that is known; the
one line `:files` leaves it to the shell to offer files.
"""

from collections.abc import Callable, Iterable, Sequence

from netwright.frontends.cli.client import Engine, Query
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.commands import DAEMON, GROUPS, TABLE, members
from netwright.frontends.cli.console import Console
from netwright.frontends.cli.document import items, text, texts
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, Kind, Reader
from netwright.frontends.cli.globals import GLOBAL_FLAGS
from netwright.frontends.cli.lookup import find_command

Candidate = tuple[str, str]
"""What may be typed, and what it means (may be empty)."""

_FILES = (":files", "")
_SIGNALS = ("HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "WINCH")

_BASH = """\
# bash completion for netwright. For this shell:     source <(netwright completion bash)
# For all:  netwright completion bash > /etc/bash_completion.d/netwright
_netwright() {
    local current line cut candidates=()
    current=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$current"
    [[ $current == *[[:space:]] ]] && words+=("")
    COMPREPLY=()
    # bash splits words at = and : too; what stands before the last one is not to be repeated
    cut=${words[-1]}
    cut=${cut%"${cut##*[=:]}"}
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            compopt -o filenames -o default 2>/dev/null
            return
        fi
        candidates+=("${line%%$'\\t'*}")
    done < <(netwright __complete "${words[@]:1}" 2>/dev/null)
    for line in "${candidates[@]}"; do
        COMPREPLY+=("${line#"$cut"}")
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _netwright netwright
"""
_ZSH = """\
#compdef netwright
# zsh completion for netwright. For this shell:      source <(netwright completion zsh)
# For all:  netwright completion zsh > "${fpath[1]}/_netwright"
_netwright() {
    local -a values shown
    local line
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            _files
            return
        fi
        values+=("${line%%$'\\t'*}")
        if [[ $line == *$'\\t'* ]]; then
            shown+=("${line%%$'\\t'*}  -- ${line#*$'\\t'}")
        else
            shown+=("$line")
        fi
    done < <(netwright __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    compadd -l -d shown -a values
}
if [[ $funcstack[1] == _netwright ]]; then _netwright; else compdef _netwright netwright; fi
"""
_FISH = """\
# fish completion for netwright. For this shell:     netwright completion fish | source
# For all:  netwright completion fish > ~/.config/fish/completions/netwright.fish
function __netwright_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    for line in (netwright __complete $words 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
            return
        end
        echo $line
    end
end
complete -c netwright -f -a '(__netwright_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def _completion(call: Call) -> int:
    shell = call.arguments[0]
    if shell not in _SCRIPTS:
        raise CommandFailed(f"there is no completion for {shell}, only for {', '.join(_SCRIPTS)}")
    call.console.line(_SCRIPTS[shell].rstrip())
    return 0


def complete(words: Sequence[str], engine: Engine, console: Console) -> int:
    """Print what the last of the words may become and return 0; an engine that is not there offers no names."""
    try:
        found = list(candidates(words or ("",), engine))
    except CommandFailed:
        return 0
    for value, meaning in found:
        console.line(f"{value}\t{meaning}" if meaning else value)
    return 0


def candidates(words: Sequence[str], engine: Engine) -> Iterable[Candidate]:
    """Return what the last of the words may become. Raises CommandFailed where the words before make no sense."""
    *before, typed = words
    options = Reader(GLOBAL_FLAGS, mixed=False)
    pending = _waiting_flag(options, before)
    if pending is not None:
        return _matching(_values(pending, engine), typed)
    rest = options.read(before).arguments
    if not rest:
        return _matching([*_flags(GLOBAL_FLAGS)] if typed.startswith("-") else _first_words(), typed)
    if len(rest) == 1 and rest[0] in GROUPS:
        return _matching([(word, entry.summary) for word, entry in members(rest[0]).items()], typed)
    if rest[0] == DAEMON[0]:
        return _matching(_daemon_flags() if typed.startswith("-") else [_FILES], typed)
    found = find_command(rest)
    return _of_command(found.entry.load(), found.words, typed, engine)


def _of_command(command: Command, before: Sequence[str], typed: str, engine: Engine) -> Iterable[Candidate]:
    reader = Reader(command.flags, mixed=command.mixed)
    pending = _waiting_flag(reader, before)
    if pending is not None:
        return _matching(_values(pending, engine), typed)
    arguments = reader.read(before).arguments
    if typed.startswith("-") and (command.mixed or not arguments) and "--" not in before:
        name, equals, _ = typed.partition("=")
        flag = reader.long(name.removeprefix("--")) if equals else None
        if flag is not None:
            return _matching([(f"{name}={value}", meaning) for value, meaning in _values(flag, engine)], typed)
        return _matching([*_flags(command.flags), ("--help", "Print usage")], typed)
    if not command.offers or (command.most is not None and len(arguments) >= command.most):
        return ()
    return _matching(_offered(command.offers[min(len(arguments), len(command.offers) - 1)], engine), typed)


def _waiting_flag(reader: Reader, before: Sequence[str]) -> Flag | None:
    """Return the flag whose value is being typed, if the word before is one that still lacks it."""
    last = before[-1] if before else ""
    if not last.startswith("-") or "=" in last or last in {"-", "--"}:
        return None
    flag = reader.long(last[2:]) if last.startswith("--") else reader.short(last[-1])
    return flag if flag is not None and flag.kind is not Kind.SWITCH else None


def _first_words() -> list[Candidate]:
    single = [(entry.words, entry.summary) for entry in TABLE if " " not in entry.words]
    return sorted([*single, *GROUPS.items(), DAEMON])


def _flags(flags: Iterable[Flag]) -> Iterable[Candidate]:
    return ((f"--{flag.name}", flag.summary) for flag in flags)


def _daemon_flags() -> list[Candidate]:
    # Imported here, because no other command needs it and all would wait for it.
    from netwright.config import OPTIONS

    return [(f"--{option.flag}", option.help) for option in OPTIONS.values() if option.flag]


def _values(flag: Flag, engine: Engine) -> list[Candidate]:
    found = [candidate for offer in flag.offers for candidate in _offered(offer, engine)]
    return list({value: (value, meaning) for value, meaning in reversed(found)}.values())[::-1]


def _offered(offer: str, engine: Engine) -> list[Candidate]:
    """Return what an offer stands for: names from the engine, files, signals, or the word itself."""
    if offer == "files":
        return [_FILES]
    if offer == "signals":
        return [(signal, "") for signal in _SIGNALS]
    if offer == "shells":
        return [(shell, "") for shell in _SCRIPTS]
    if offer in _NAMES:
        return _NAMES[offer](engine)
    return [(offer, "")] if offer else []


def _containers(query: Query) -> Callable[[Engine], list[Candidate]]:
    def names(engine: Engine) -> list[Candidate]:
        found = items(engine.get("/containers/json", query))
        return [
            (name.removeprefix("/"), f"{text(container, 'Image')}, {text(container, 'Status')}")
            for container in found
            for name in texts(container, "Names")[:1]
        ]

    return names


def _images(engine: Engine) -> list[Candidate]:
    found = items(engine.get("/images/json"))
    return [(name, "") for image in found for name in texts(image, "RepoTags") if not name.startswith("<none>")]


def _networks(engine: Engine) -> list[Candidate]:
    return [(text(each, "Name"), f"{text(each, 'Driver')} network") for each in items(engine.get("/networks"))]


def _volumes(engine: Engine) -> list[Candidate]:
    return [(text(each, "Name"), "volume") for each in items(engine.get("/volumes"), "Volumes")]


def _objects(engine: Engine) -> list[Candidate]:
    everything = (_NAMES["containers"], _images, _networks, _volumes)
    return [candidate for names in everything for candidate in names(engine)]


_STOPPED = '{"status":["created","exited","dead"]}'
_NAMES: dict[str, Callable[[Engine], list[Candidate]]] = {
    "containers": _containers({"all": True}),
    "running": _containers({}),
    "stopped": _containers({"all": True, "filters": _STOPPED}),
    "images": _images,
    "networks": _networks,
    "volumes": _volumes,
    "objects": _objects,
}


def _matching(found: Iterable[Candidate], typed: str) -> list[Candidate]:
    kept = [candidate for candidate in found if candidate == _FILES or candidate[0].startswith(typed)]
    names = [candidate for candidate in kept if candidate != _FILES]
    # a shell either takes our names or offers files: files only where no name of ours fits
    return names or kept


COMPLETION = Command(
    "bash|zsh|fish",
    _completion,
    (
        Example("completion bash > /etc/bash_completion.d/netwright", "for all bash shells of this host"),
        Example('completion zsh > "${fpath[1]}/_netwright"', "for zsh"),
        Example("completion fish > ~/.config/fish/completions/netwright.fish", "for fish"),
    ),
    least=1,
    most=1,
    offers=("shells",),
)
