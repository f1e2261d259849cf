"""A table of routes: patterns such as `/containers/{id}/json`, found by method and path.

Patterns are filed under their method and first segment, so a look-up tries a handful of them. `{name...}` matches
slashes as well: names of images have them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from netwright.api.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a pattern of a path, and what answers."""

    method: str
    pattern: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Found:
    """A route with the parameters of the path."""

    route: Route
    parameters: Mapping[str, str]


class Table:
    """All routes."""

    def __init__(self, *routes: Route) -> None:
        self._filed: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            key = (route.method, _first(route.pattern))
            self._filed.setdefault(key, []).append((_compiled(route.pattern), route))

    def find(self, method: str, path: str) -> Found | None:
        """Return the route for a request; a HEAD is answered by what answers the GET, where it has no own."""
        for pattern, route in self._filed.get((method, _first(path)), ()):
            if (match := pattern.fullmatch(path)) is not None:
                return Found(route, match.groupdict())
        return self.find("GET", path) if method == "HEAD" else None


def _first(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+(?:\.\.\.)?\})", pattern)
    out = ""
    for part in parts:
        if part.startswith("{"):
            name = part.strip("{}").removesuffix("...")
            out += f"(?P<{name}>.+)" if part.endswith("...}") else f"(?P<{name}>[^/]+)"
        else:
            out += re.escape(part)
    return re.compile(out + "/?")
