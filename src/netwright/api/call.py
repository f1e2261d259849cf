"""One request as the routes see it: its version, its parameters, its body, and the ways to answer it."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar
from urllib.parse import unquote

from aiohttp import web

from netwright.api.filters import Filters
from netwright.api.signature import SIGNATURE
from netwright.api.versions import ApiVersion
from netwright.api.whole import Whole
from netwright.api.wire.shape import decode, encode
from netwright.errors import InvalidInput

T = TypeVar("T")

JSON = "application/json"

BODY_LIMIT = 8 << 20
"""The largest JSON body in bytes; archives are streamed and have no limit."""

_FALSE = frozenset(("", "0", "no", "false", "none"))
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class Call:
    """A request that has found its route."""

    def __init__(self, request: web.BaseRequest, version: ApiVersion, path: Mapping[str, str]) -> None:
        self.request = request
        self.version = version
        self._path = path
        self.begun = False
        """Whether the answer has begun: from then on there is no other status to give."""

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

    def number(self, name: str) -> int | None:
        """Return a whole number of the query, None where it is missing or empty. Raises InvalidInput."""
        value = self.request.query.get(name, "")
        if not value:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise InvalidInput(f'strconv.Atoi: parsing "{value}": invalid syntax')
        return int(value)

    def filters(self, *allowed: str) -> Filters:
        """Return the filters of the query. Raises InvalidInput for others than the allowed keys."""
        return Filters.parse(self.text("filters"), allowed)

    async def body(self, kind: type[T], *, optional: bool = False) -> T:
        """Return the JSON body; an optional one that is not there is an empty object.

        Raises InvalidInput in Docker's words.
        """
        data = await self.read()
        if data:
            _check_type(self.request.headers.get("Content-Type", ""))
        return decode(kind, b"{}" if optional and not data else data)

    async def read(self) -> bytes:
        """Return the whole body. Raises InvalidInput where it is too large for anything that is not an archive."""
        chunks, size = [], 0
        async for chunk in self.request.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > BODY_LIMIT:
                raise InvalidInput(f"the request's body is larger than {BODY_LIMIT >> 20} MiB")
        return b"".join(chunks)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        async for chunk in self.request.content.iter_any():
            yield chunk

    async def begin(self, content_type: str, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        """Send the head of an answer whose body comes bit by bit; Docker's clients wait for it before they go on."""
        self.begun = True
        response = web.StreamResponse(headers={"Content-Type": content_type, **SIGNATURE, **(headers or {})})
        await response.prepare(self.request)
        return response


def _check_type(given: str) -> None:
    if not given:
        raise InvalidInput("malformed Content-Type header (): mime: no media type")
    if given.partition(";")[0].strip().lower() != JSON:
        raise InvalidInput(f"unsupported Content-Type header ({given}): must be '{JSON}'")


def answer(value: object, status: int = 200) -> Whole:
    """Return a JSON answer."""
    return Whole(encode(value), status)


def encoded(body: bytes) -> Whole:
    """Return an answer that is JSON already."""
    return Whole(body)


def empty(status: int = 204) -> Whole:
    """Return an answer without a body."""
    return Whole(b"", status)
