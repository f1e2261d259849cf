"""How published ports are written in listings."""

from collections.abc import Sequence
from itertools import groupby

from netwright.frontends.cli.document import Json, number, text

_Line = tuple[str, str, int, int]
"""Host address, protocol, container port, host port (0: not published)."""


def written(ports: Sequence[Json]) -> str:
    """Return the ports of a container as `ps` shows them, neighbours folded: `0.0.0.0:8000-8002->80-82/tcp, 90/udp`."""
    lines = sorted(
        {
            (text(port, "IP"), text(port, "Type") or "tcp", number(port, "PrivatePort"), number(port, "PublicPort"))
            for port in ports
        },
        key=lambda line: (line[2], line[1], ":" in line[0], line[0], line[3]),
    )
    folded: list[str] = []
    by_place = sorted(lines, key=lambda line: (line[3] == 0, line[1], ":" in line[0], line[0], line[2], line[3]))
    for (ip, protocol), group in groupby(by_place, key=lambda line: (line[0], line[1])):
        folded += [_range_text(ip, protocol, first, last) for first, last in _runs(list(group))]
    return ", ".join(folded)


def _runs(lines: Sequence[_Line]) -> list[tuple[_Line, _Line]]:
    """Split lines into runs in which both ports rise together; a published port counts apart from one that is not."""
    runs: list[tuple[_Line, _Line]] = []
    for line in lines:
        if runs and _continues(runs[-1][1], line):
            runs[-1] = (runs[-1][0], line)
        else:
            runs.append((line, line))
    return runs


def _continues(last: _Line, line: _Line) -> bool:
    if line[2] != last[2] + 1:
        return False
    return line[3] == last[3] + 1 if last[3] and line[3] else last[3] == line[3] == 0


def _range_text(ip: str, protocol: str, first: _Line, last: _Line) -> str:
    inner = _span(first[2], last[2])
    if not first[3]:
        return f"{inner}/{protocol}"
    host = f"[{ip}]" if ":" in ip else ip
    return f"{host}:{_span(first[3], last[3])}->{inner}/{protocol}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
