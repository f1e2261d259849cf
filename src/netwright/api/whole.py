"""Answers whose body is known: head and body leave in one piece.

Clients poll lists, so this is the hot path of the API: HTTP's head is little text, and written at once with the body it
costs half of what a general response costs that could also be streamed, compressed or ranged.
"""

from functools import cache
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from netwright.api.signature import SIGNATURE

_SIGNED = "".join(f"{name}: {value}\r\n" for name, value in SIGNATURE.items())


@cache
def _head(status: int) -> str:
    """Return the start of an answer; a status that HTTP does not know has no words."""
    phrase = next((known.phrase for known in HTTPStatus if known == status), "")
    return f"HTTP/1.1 {status} {phrase}\r\n{_SIGNED}"


class Whole(web.StreamResponse):
    """An answer with its whole body."""

    def __init__(self, body: bytes, status: int = 200, content_type: str = "application/json") -> None:
        super().__init__(status=status)
        self.content = body
        self._type = content_type
        self._stays = False
        self._request: BaseRequest | None = None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection goes on."""
        return self._stays

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Note whom this answers; nothing is sent yet."""
        self._request = request
        self._stays = request.keep_alive
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - there is no more than the content
        """Send everything."""
        assert self._request is not None
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        head = _head(self.status)
        if self.content:
            head += f"Content-Type: {self._type}\r\n"
        if self.status not in {204, 304}:
            head += f"Content-Length: {len(self.content)}\r\n"
        if not self._stays:
            head += "Connection: close\r\n"
        body = b"" if self._request.method == "HEAD" else self.content
        transport.write(head.encode() + b"\r\n" + body)
