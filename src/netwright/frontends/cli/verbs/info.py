"""`info`."""

from collections.abc import Iterator, Mapping

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, at, encode, items, mapping, number, text, texts
from netwright.frontends.cli.quantities import binary_size
from netwright.frontends.cli.rows import FORMAT, JSON


def _info(call: Call) -> int:
    found = call.engine.get("/info")
    template = call.values.text("format")
    if template == "json" or call.values.on("json"):
        call.console.line(encode(found))
    elif template:
        from netwright.frontends.cli.template import compile_template

        call.console.line(compile_template(template).render(found))
    else:
        for line in _lines(found):
            call.console.line(line)
        for warning in texts(found, "Warnings"):
            call.console.note(warning)
    return 0


def _lines(info: Json) -> Iterator[str]:
    yield from _counts(info)
    yield from _texts(info, _TEXTS_ABOVE)
    yield from _plugins(info)
    yield from _firewall(info)
    yield from _texts(info, _TEXTS_BELOW)
    yield f"CPUs: {number(info, 'NCPU')}"
    yield f"Total Memory: {binary_size(number(info, 'MemTotal'))}"
    for label, key in _SWITCHES.items():
        value = at(info, key)
        if isinstance(value, bool):
            yield f"{label}: {'true' if value else 'false'}"
    if pools := items(info, "DefaultAddressPools"):
        yield "Default Address Pools:"
        yield from (f"  Base: {text(pool, 'Base')}, Size: {number(pool, 'Size')}" for pool in pools)
    if labels := texts(info, "Labels"):
        yield "Labels:"
        yield from (f" {label}" for label in labels)


def _counts(info: Json) -> Iterator[str]:
    yield f"Containers: {number(info, 'Containers')}"
    for state in ("Running", "Paused", "Stopped"):
        yield f" {state}: {number(info, f'Containers{state}')}"
    yield f"Images: {number(info, 'Images')}"


def _texts(info: Json, labels: Mapping[str, str]) -> Iterator[str]:
    for label, key in labels.items():
        if value := text(info, key):
            yield f"{label}: {value}"


def _plugins(info: Json) -> Iterator[str]:
    if plugins := mapping(info, "Plugins"):
        yield "Plugins:"
        yield from (f" {kind}: {' '.join(texts(plugins, kind))}" for kind in ("Volume", "Network", "Log"))
    if runtimes := mapping(info, "Runtimes"):
        yield f"Runtimes: {' '.join(sorted(runtimes))}"


def _firewall(info: Json) -> Iterator[str]:
    driver = text(info, "FirewallBackend", "Driver")
    if driver:
        yield f"Firewall Backend: {driver}"
    for pair in items(info, "FirewallBackend", "Info"):
        if isinstance(pair, list) and len(pair) == 2:
            yield f"  {pair[0]}: {pair[1]}"


_TEXTS_ABOVE = {
    "Server Version": "ServerVersion",
    "Storage Driver": "Driver",
    "Logging Driver": "LoggingDriver",
    "Cgroup Driver": "CgroupDriver",
    "Cgroup Version": "CgroupVersion",
}
_TEXTS_BELOW = {
    "Default Runtime": "DefaultRuntime",
    "Init Binary": "InitBinary",
    "Kernel Version": "KernelVersion",
    "Operating System": "OperatingSystem",
    "OSType": "OSType",
    "Architecture": "Architecture",
    "Name": "Name",
    "ID": "ID",
    "Docker Root Dir": "DockerRootDir",
}
_SWITCHES = {
    "IPv4 Forwarding": "IPv4Forwarding",
    "Debug Mode": "Debug",
    "Experimental": "ExperimentalBuild",
    "Live Restore Enabled": "LiveRestoreEnabled",
}

_FORMAT = FORMAT._replace(short="f")

INFO = Command(
    "[OPTIONS]",
    _info,
    (
        Example("info", "what the engine is, has and can"),
        Example("info --format '{{.FirewallBackend.Driver}}'", "one of it"),
    ),
    flags=(_FORMAT, JSON),
)
