"""One request as the routes see it: its version, its parameters, its body."""

from collections.abc import AsyncIterator, Mapping
from typing import TypeVar
from urllib.parse import unquote

from aiohttp import web

from netwright.api.filters import Filters
from netwright.api.versions import ApiVersion
from netwright.api.wire.shape import decode, encode
from netwright.errors import InvalidInput

T = TypeVar("T")

BODY_LIMIT = 8 << 20
"""The largest JSON body in bytes; archives are streamed and have no limit."""

_FALSE = frozenset(("", "0", "no", "false", "none"))


class Call:
    """A request that has found its route."""

    def __init__(self, request: web.Request, version: ApiVersion, path: Mapping[str, str]) -> None:
        self.request = request
        self.version = version
        self._path = path

    def __getitem__(self, name: str) -> str:
        """Return a parameter of the path."""
        return unquote(self._path[name])

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.request.query.get(name, default)

    def texts(self, name: str) -> list[str]:
        """Return all values of a parameter that may be repeated."""
        return self.request.query.getall(name, [])

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch of the query, by Docker's loose rule: anything but 0, no, false, none is true."""
        value = self.request.query.get(name)
        return default if value is None else value.strip().lower() not in _FALSE

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number of the query. Raises InvalidInput."""
        value = self.request.query.get(name, "")
        if not value:
            return default
        try:
            return int(value)
        except ValueError:
            raise InvalidInput(f'strconv.Atoi: parsing "{value}": invalid syntax') from None

    def filters(self, *allowed: str) -> Filters:
        """Return the filters of the query. Raises InvalidInput for others than the allowed keys."""
        return Filters.parse(self.text("filters"), allowed)

    async def body(self, kind: type[T], *, optional: bool = False) -> T:
        """Return the JSON body. Raises InvalidInput in Docker's words."""
        data = await self.request.content.read(BODY_LIMIT + 1)
        while not self.request.content.at_eof() and len(data) <= BODY_LIMIT:
            data += await self.request.content.read(BODY_LIMIT + 1 - len(data))
        if len(data) > BODY_LIMIT:
            raise InvalidInput(f"the request body is larger than {BODY_LIMIT >> 20} MiB")
        if optional and not data.strip():
            return decode(kind, b"{}")
        self._check_type()
        return decode(kind, data)

    def _check_type(self) -> None:
        given = self.request.headers.get("Content-Type", "")
        if given.partition(";")[0].strip() != "application/json":
            raise InvalidInput(f"unsupported Content-Type header ({given}): must be 'application/json'")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        async for chunk in self.request.content.iter_any():
            yield chunk


def answer(value: object, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=encode(value), status=status, content_type="application/json")


def encoded(body: bytes) -> web.Response:
    """Return an answer that is JSON already."""
    return web.Response(body=body, content_type="application/json")


def empty(status: int = 204) -> web.Response:
    """Return an answer without a body."""
    return web.Response(status=status)
