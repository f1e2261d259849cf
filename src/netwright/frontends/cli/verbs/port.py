"""`port`: where a container's ports are reachable."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import items, mapping, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.ordering import natural
from netwright.frontends.cli.rows import JSON


def _port(call: Call) -> int:
    name, *wanted = call.arguments
    bound = mapping(call.engine.get(f"/containers/{name}/json"), "NetworkSettings", "Ports")
    if call.values.on("from"):
        return _with_sources(call, name)
    if call.values.on("json"):
        from netwright.frontends.cli.document import encode

        call.console.line(encode(bound))
        return 0
    if wanted:
        number, _, protocol = wanted[0].partition("/")
        key = f"{number}/{protocol or 'tcp'}"
        hosts = [_host(binding) for binding in items(bound, key)]
        if not hosts:
            raise CommandFailed(f"Error: No public port '{wanted[0]}' published for {name}")
    else:
        hosts = [f"{key} -> {_host(binding)}" for key in bound for binding in items(bound, key)]
    for line in sorted(hosts, key=natural):
        call.console.line(line)
    return 0


def _with_sources(call: Call, name: str) -> int:
    """Show who may connect to each port: what Docker has no word for."""
    lines = [
        f"{text(port, 'Port')} -> {_host(port)} from {text(port, 'From')}"
        for port in items(call.engine.get(f"/netwright/containers/{name}/ports"))
    ]
    for line in sorted(lines, key=natural):
        call.console.line(line)
    return 0


def _host(binding: object) -> str:
    fields = binding if isinstance(binding, dict) else {}
    ip = text(fields, "HostIp")
    return f"[{ip}]:{text(fields, 'HostPort')}" if ":" in ip else f"{ip}:{text(fields, 'HostPort')}"


PORT = Command(
    "CONTAINER [PRIVATE_PORT[/PROTO]]",
    _port,
    (
        Example("port web", "list what is published"),
        Example("port web 80/tcp", "only where port 80 is reachable"),
        Example("port --from web", "who may connect to what"),
    ),
    flags=(switch("from", "Show who may connect"), JSON),
    least=1,
    most=2,
    offers=("running", ""),
)
