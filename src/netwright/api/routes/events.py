"""The route of events."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from aiohttp import web

from netwright.api.call import JSON, Call
from netwright.api.moments import parse_moment
from netwright.api.routes.table import Route
from netwright.api.translate.events import FILTERS, passes, show_event
from netwright.api.versions import STATUS
from netwright.api.wire.shape import encode
from netwright.errors import InvalidInput
from netwright.model.events import Event
from netwright.telemetry.bus import Bus, Subscription

_LINES = "application/x-ndjson"
_SEQUENCE = "application/json-seq"
"""RFC 7464: each text is preceded by a record separator."""


class EventRoutes:
    """Shows what happens."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def routes(self) -> list[Route]:
        """Return the table."""
        return [Route("GET", "/events", self.events, lasting=True)]

    async def events(self, call: Call) -> web.StreamResponse:
        """Show what happens as it happens, from a past moment on or up to a coming one."""
        filters = call.filters(*FILTERS)
        since, until = _moment(call, "since"), _moment(call, "until")
        if since is not None and until is not None and until < since:
            raise InvalidInput(f"`since` time ({since / 1e9:f}) cannot be after `until` time ({until / 1e9:f})")
        if since is None and until is not None:
            since = 0
        # The subscription stands before the head goes out: who has read that misses nothing.
        with self._bus.subscribe(since=since) as subscription:
            kind = _kind(call)
            response = await call.begin(kind)
            before = b"\x1e" if kind == _SEQUENCE else b""
            async for event in _up_to(until, subscription):
                if passes(event, filters):
                    await response.write(before + encode(show_event(event, call.version)))
        await response.write_eof()
        return response


def _kind(call: Call) -> str:
    """Return the content type of the stream: from API 1.52 on the first of ours that the client accepts."""
    if call.version < STATUS:
        return JSON
    accepted = [part.partition(";")[0].strip() for part in call.request.headers.get("Accept", "").split(",")]
    return next((kind for kind in accepted if kind in {JSON, _LINES, _SEQUENCE}), JSON)


async def _up_to(until: int | None, subscription: Subscription) -> AsyncIterator[Event]:
    """Yield events up to a moment, which is in nanoseconds since 1970."""
    with contextlib.suppress(TimeoutError):
        while True:
            # A moment that has passed leaves no time to wait, but what is remembered comes without waiting.
            left = None if until is None else max(0.0, until / 1e9 - time.time())
            async with asyncio.timeout(left):
                event = await anext(subscription, None)
            if event is None or (until is not None and event.time > until):
                return
            yield event


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return parse_moment(text, time.time()) if text else None
