"""Who may connect to published ports, out of a container's labels. Pure.

    netwright.publish.from=203.0.113.0/24           to all its published ports
    netwright.publish.from.80=host,lan              to its port 80/tcp
    netwright.publish.from.53/udp=10.0.0.0/8        to its port 53/udp

Docker's API has no field for it, and labels pass through every client: compose files, the command line, SDKs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netwright.errors import InvalidInput
from netwright.model.ports import Port, PortRequest
from netwright.model.sources import Sources

LABEL = "netwright.publish.from"


def limited(ports: Iterable[PortRequest], labels: Mapping[str, str]) -> tuple[PortRequest, ...]:
    """Return ports with the sources that labels give them. Raises InvalidInput."""
    named = {key: value for key, value in labels.items() if key == LABEL or key.startswith(f"{LABEL}.")}
    if not named:
        return tuple(ports)
    whole = _read(LABEL, named.pop(LABEL)) if LABEL in named else None
    each = {_port(key): _read(key, value) for key, value in named.items()}
    return tuple(replace(request, sources=each.get(request.port, whole)) for request in ports)


def _read(key: str, value: str) -> Sources:
    try:
        return Sources.parse([value])
    except InvalidInput as error:
        raise InvalidInput(f"label {key}: {error}") from None


def _port(key: str) -> Port:
    try:
        return Port.parse(key.removeprefix(f"{LABEL}."))
    except InvalidInput as error:
        raise InvalidInput(f"label {key}: {error}") from None
