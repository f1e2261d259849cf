"""`version`."""

import platform
from importlib.metadata import version as installed_version

from netwright.frontends.cli.client import VERSION as API_VERSION
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, encode, flag, items, mapping, text
from netwright.frontends.cli.failures import CommandFailed, EngineUnreachable
from netwright.frontends.cli.rows import FORMAT, JSON


def one_line() -> str:
    """Return what `netwright --version` prints."""
    return f"netwright version {installed_version('netwright')}"


def _version(call: Call) -> int:
    newest = ".".join(map(str, API_VERSION))
    failure: CommandFailed | None = None
    server: Json = None
    spoken = newest
    try:
        server, spoken = call.engine.get("/version"), call.engine.version
    except EngineUnreachable as unreachable:
        failure = unreachable
    client: Json = {
        "Version": installed_version("netwright"),
        "ApiVersion": spoken,
        "DefaultAPIVersion": newest,
        "PythonVersion": platform.python_version(),
        "Os": platform.system().lower(),
        "Arch": platform.machine(),
    }
    _show(call, {"Client": client, "Server": server})
    if failure is not None:
        raise failure
    return 0


def _show(call: Call, both: Json) -> None:
    template = call.values.text("format")
    if template == "json" or call.values.on("json"):
        call.console.line(encode(both))
    elif template:
        from netwright.frontends.cli.template import compile_template

        call.console.line(compile_template(template).render(both))
    else:
        for line in _lines(mapping(both, "Client"), mapping(both, "Server")):
            call.console.line(line)


def _lines(client: Json, server: Json) -> list[str]:
    machine = f"{text(client, 'Os')}/{text(client, 'Arch')}"
    lines = ["Client: Netwright"]
    lines += _pairs(
        1,
        Version=text(client, "Version"),
        **{"API version": text(client, "ApiVersion"), "Python version": text(client, "PythonVersion")},
        **{"OS/Arch": machine},
    )
    if not server:
        return lines
    lines += ["", f"Server: {text(server, 'Platform', 'Name') or 'Engine'}"]
    for part in items(server, "Components") or [server]:
        details = part if not mapping(part, "Details") else {**mapping(part, "Details"), **mapping(part)}
        lines.append(f" {text(part, 'Name') or 'Engine'}:")
        lines += _pairs(2, Version=text(part, "Version"), **_engine_pairs(details))
    return lines


def _engine_pairs(details: Json) -> dict[str, str]:
    experimental = flag(details, "Experimental") or text(details, "Experimental") == "true"
    api = text(details, "ApiVersion")
    pairs = {
        "API version": f"{api} (minimum version {text(details, 'MinAPIVersion')})" if api else "",
        "Git commit": text(details, "GitCommit"),
        "Built": text(details, "BuildTime"),
        "OS/Arch": f"{text(details, 'Os')}/{text(details, 'Arch')}" if text(details, "Os") else "",
        "Kernel": text(details, "KernelVersion"),
        "Experimental": ("true" if experimental else "false") if api else "",
    }
    return {name: value for name, value in pairs.items() if value}


def _pairs(indent: int, **pairs: str) -> list[str]:
    return [f"{' ' * indent}{name + ':':<{19 - indent}}{value}" for name, value in pairs.items()]


_FORMAT = FORMAT._replace(short="f")

VERSION = Command(
    "[OPTIONS]",
    _version,
    (
        Example("version", "both sides, and the API they speak"),
        Example("version --format '{{.Server.Version}}'", "only the engine's version"),
    ),
    flags=(_FORMAT, JSON),
)
