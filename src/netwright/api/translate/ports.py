"""Ports between Docker's maps and ours. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from netwright.api.wire.containers import Nothing, PortBinding, PortShown
from netwright.controller.api import Attachment
from netwright.errors import InvalidInput
from netwright.model.addressing import parse_address
from netwright.model.ports import Port, PortRequest, parse_port_range, parse_protocol


def read_bindings(asked: Mapping[str, Sequence[PortBinding] | None]) -> tuple[PortRequest, ...]:
    """Return what is to be published. An empty list of bindings is one binding to any port. Raises InvalidInput."""
    requests = []
    for key, bindings in asked.items():
        port = Port.parse(key)
        if not port.number:
            raise InvalidInput(f'invalid port specification: "{key}": a container\'s port is between 1 and 65535')
        for binding in bindings or [PortBinding()]:
            first, last = parse_port_range(binding.host_port, binding.host_port)
            address = parse_address(binding.host_ip) if binding.host_ip else None
            requests.append(PortRequest(port, address, first, last))
    return tuple(requests)


def show_bindings(requests: Iterable[PortRequest]) -> dict[str, list[PortBinding] | None]:
    """Return the published ports as they were asked for."""
    shown: dict[str, list[PortBinding] | None] = {}
    for request in requests:
        span = "" if not request.first else str(request.first)
        if request.last != request.first:
            span = f"{request.first}-{request.last}"
        binding = PortBinding(host_ip=str(request.host_ip or ""), host_port=span)
        bindings = shown.setdefault(str(request.port), [])
        if bindings is not None:
            bindings.append(binding)
    return shown


def read_exposed(asked: Mapping[str, Nothing]) -> tuple[Port, ...]:
    """Return the exposed ports, ranges such as `8000-8010/udp` written out. Raises InvalidInput."""
    ports: list[Port] = []
    for key in asked:
        numbers, _, protocol = key.partition("/")
        first, last = parse_port_range(numbers, key)
        kind = parse_protocol(protocol or "tcp")
        if not numbers:
            raise InvalidInput(f"invalid exposed port {key}")
        ports.extend(Port(number, kind) for number in range(first, last + 1))
    return tuple(ports)


def granted(attachments: Sequence[Attachment], exposed: Iterable[Port]) -> dict[str, list[PortBinding] | None]:
    """Return what is published now: bindings by port, and null for a port that is only exposed; nothing if closed."""
    if not any(item.sandbox.open for item in attachments):
        return {}
    # As in Docker, only who could publish ports shows which are exposed: not on host, none, and internal networks.
    tells = any(item.network.driver not in {"host", "null"} and not item.network.internal for item in attachments)
    shown: dict[str, list[PortBinding] | None] = {str(port): None for port in exposed} if tells else {}
    for item in attachments:
        for binding in item.endpoint.bindings:
            number = str(binding.host_port) if binding.host_port else ""
            entry = PortBinding(host_ip=str(binding.host_ip), host_port=number)
            known = shown.get(str(binding.port))
            shown[str(binding.port)] = [*(known or []), entry]
    return shown


def summary(attachments: Sequence[Attachment], exposed: Iterable[Port]) -> list[PortShown]:
    """Return the ports of a container in the list."""
    found: list[PortShown] = []
    for key, bindings in granted(attachments, exposed).items():
        port = Port.parse(key)
        if not bindings:
            found.append(PortShown(private_port=port.number, type=str(port.protocol)))
        found.extend(
            PortShown(
                ip=binding.host_ip,
                private_port=port.number,
                public_port=int(binding.host_port or 0),
                type=str(port.protocol),
            )
            for binding in bindings or ()
        )
    return found
