"""`-p` and `--expose`, with the grammar and the refusals of Docker's command line (go-connections' nat package)."""

import re
from collections.abc import Sequence
from ipaddress import ip_address

from netwright.frontends.cli.document import Json
from netwright.frontends.cli.failures import CommandFailed

_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_HIGHEST = 65535

Binding = tuple[str, str, str]
"""Container port such as `80/tcp`, host address, host port or range; empty means any."""


def bindings(specs: Sequence[str]) -> list[Binding]:
    """Return what the `-p` flags publish. Raises CommandFailed in Docker's words."""
    return [binding for spec in specs for binding in _parse(_short_form(spec))]


def exposed(specs: Sequence[str]) -> list[str]:
    """Return the ports that the `--expose` flags name, as `80/tcp`. Raises CommandFailed in Docker's words."""
    found: list[str] = []
    for spec in specs:
        if ":" in spec:
            raise _refused(f"invalid port format for --expose: {spec}")
        number, _, protocol = spec.partition("/")
        span = _range(number)
        if span is None:
            raise _refused(f"invalid range format for --expose: {spec}")
        found += [f"{port}/{_protocol(protocol)}" for port in range(span[0], span[1] + 1)]
    return found


def port_bindings(found: Sequence[Binding]) -> dict[str, Json]:
    """Return bindings as the API wants them: by container port."""
    ports: dict[str, list[Json]] = {}
    for port, ip, host_port in found:
        ports.setdefault(port, []).append({"HostIp": ip, "HostPort": host_port})
    return {port: [*bound] for port, bound in ports.items()}


def _parse(spec: str) -> list[Binding]:
    address, host, container = _split(spec)
    container, _, protocol = container.partition("/")
    ip = _address(address)
    if not container:
        raise _refused(f"no port specified: {spec}<empty>")
    inner = _range(container)
    if inner is None:
        raise _refused(f"invalid containerPort: {container}")
    outer = _range(host) if host else (0, 0)
    if outer is None:
        raise _refused(f"invalid hostPort: {host}")
    proto = _protocol(protocol)
    count = inner[1] - inner[0]
    if host and outer[1] - outer[0] != count:
        if count:
            raise _refused(f"invalid ranges specified for container and host Ports: {container} and {host}")
        return [(f"{inner[0]}/{proto}", ip, f"{outer[0]}-{outer[1]}")]
    return [(f"{inner[0] + step}/{proto}", ip, str(outer[0] + step) if host else "") for step in range(count + 1)]


def _split(spec: str) -> tuple[str, str, str]:
    """Split at the last two colons: an IPv6 address has colons of its own."""
    parts = spec.rsplit(":", 2)
    address, host = ("", "", *parts)[-3:-1]
    return address, host, parts[-1]


def _address(text: str) -> str:
    if text.startswith("["):
        if not text.endswith("]"):
            raise _refused(f"invalid IP address {text}: missing ']' in address")
        text = text[1:-1]
    if text:
        try:
            ip_address(text)
        except ValueError:
            raise _refused(f"invalid IP address: {text}") from None
    return text


def _range(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text, re.ASCII)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, last) if first <= last <= _HIGHEST else None


def _protocol(text: str) -> str:
    protocol = text.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise _refused(f"invalid proto: {text}")
    return protocol


def _short_form(spec: str) -> str:
    """Turn `published=8080,target=80,protocol=tcp` into `8080:80/tcp`."""
    if "=" not in spec:
        return spec
    fields: dict[str, str] = {}
    for part in spec.split(","):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise _refused(f"invalid field: {part}")
        if key not in {"target", "published", "protocol", "mode"}:
            raise _refused(f"invalid field key: {key}")
        fields[key] = value
    if not fields.get("target"):
        raise _refused("missing mandatory field 'target'")
    published = f"{fields['published']}:" if "published" in fields else ""
    return f"{published}{fields['target']}/{fields.get('protocol', 'tcp')}"


def _refused(reason: str) -> CommandFailed:
    return CommandFailed(reason, code=125)
