"""A table of routes: patterns such as `/containers/{id}/json`, found by method and path.

Patterns are filed under their method and first segment, so a look-up tries a handful of them. `{name...}` matches
slashes as well: names of images have them, networks may, and a container's may have one in front.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from netwright.api.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a pattern of a path, and what answers.

    `lasting` answers go on as long as the client likes: they end when it goes away, and their time says nothing. Any
    other change is carried to its end, whether or not the client waits for it.
    """

    method: str
    pattern: str
    handler: Handler
    lasting: bool = False

    @property
    def changes(self) -> bool:
        """Whether an answer is to be carried to its end."""
        return not self.lasting and self.method not in {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Found:
    """A route with the parameters of the path."""

    route: Route
    parameters: Mapping[str, str]


class Table:
    """All routes; among those that match, the first."""

    def __init__(self, *routes: Route) -> None:
        self._filed: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            key = (route.method, _first(route.pattern))
            self._filed.setdefault(key, []).append((_compiled(route.pattern), route))

    def find(self, method: str, path: str) -> Found | None:
        """Return the route for a request."""
        for pattern, route in self._filed.get((method, _first(path)), ()):
            if (match := pattern.fullmatch(path)) is not None:
                return Found(route, match.groupdict())
        return None


def parameters(pattern: str) -> list[str]:
    """Return the names of a pattern's parameters."""
    return re.findall(r"\{(\w+)(?:\.\.\.)?\}", pattern)


def _first(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""


def _compiled(pattern: str) -> re.Pattern[str]:
    out = ""
    for part in re.split(r"(\{\w+(?:\.\.\.)?\})", pattern):
        if part.startswith("{"):
            name = part.strip("{}").removesuffix("...")
            out += f"(?P<{name}>.+?)" if part.endswith("...}") else f"(?P<{name}>[^/]+)"
        else:
            out += re.escape(part)
    return re.compile(out + "/?")
