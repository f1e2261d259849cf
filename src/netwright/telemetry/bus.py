"""The event bus: whoever changes something publishes what happened; whoever wants to know subscribes.

Publishing never waits: an event is put into every subscriber's bounded queue, and a subscriber whose queue is full is
cut off. It still gets what was queued, then an error that says so: a gap is never silent. Everything happens in the
engine's event loop; the bus is not for other threads.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from netwright.errors import Unavailable
from netwright.model.events import Event

HISTORY = 256
"""How many past events are kept, as in Docker's daemon."""

QUEUE = 4096
"""How many events may wait for one subscriber before it counts as too slow."""


class Subscription:
    """One subscriber's view of the bus: an asynchronous iterator of events, to be closed after use."""

    def __init__(self, bus: "Bus", waiting: deque[Event], limit: int) -> None:
        self._bus = bus
        self._waiting = waiting
        self._limit = limit
        self._changed = asyncio.Event()
        self._cut_off = False
        self._closed = False

    def offer(self, event: Event) -> bool:
        """Queue an event; return False, and end the subscription after what is queued, where there is no room."""
        if len(self._waiting) >= self._limit:
            self._cut_off = True
        else:
            self._waiting.append(event)
        self._changed.set()
        return not self._cut_off

    def close(self) -> None:
        """End the subscription: the iteration stops at once. Content when repeated."""
        self._closed = True
        self._changed.set()
        self._bus.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event, waiting for one. Raises Unavailable where the subscriber was cut off."""
        while not self._closed:
            if self._waiting:
                return self._waiting.popleft()
            if self._cut_off:
                raise Unavailable(
                    f"events were read too slowly: {self._limit} were waiting and the rest is lost; "
                    "subscribe again, and look at the present state first"
                )
            self._changed.clear()
            await self._changed.wait()
        raise StopAsyncIteration


class Bus:
    """Where events are published."""

    def __init__(self, *, history: int = HISTORY, queue: int = QUEUE) -> None:
        self._recent: deque[Event] = deque(maxlen=history)
        self._subscriptions: set[Subscription] = set()
        self._queue = queue
        self._watchers: list[Callable[[Event], None]] = []
        self.cut_off = 0
        """How many subscribers were too slow so far."""

    @property
    def subscribers(self) -> int:
        """How many subscribers there are."""
        return len(self._subscriptions)

    def watch(self, callback: Callable[[Event], None]) -> None:
        """Have a function called with every event; it must not block, and not fail."""
        self._watchers.append(callback)

    def publish(self, event: Event) -> None:
        """Tell everybody. Returns at once."""
        self._recent.append(event)
        for callback in self._watchers:
            callback(event)
        for subscription in tuple(self._subscriptions):
            if not subscription.offer(event):
                self._subscriptions.discard(subscription)
                self.cut_off += 1

    def recent(self) -> tuple[Event, ...]:
        """Return the last events, oldest first."""
        return tuple(self._recent)

    def subscribe(self, *, since: int | None = None) -> Subscription:
        """Return a subscription to what happens from now on.

        With `since`, in nanoseconds since 1970, it begins with what is remembered from then on; nothing is lost or
        repeated in between.
        """
        past = () if since is None else (event for event in self._recent if event.time >= since)
        subscription = Subscription(self, deque(past), self._queue)
        self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Stop telling a subscription."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End all subscriptions: the engine stops."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
