"""The event bus."""

import asyncio

import pytest

from netwright.errors import Unavailable
from netwright.model.events import Event
from netwright.telemetry.bus import HISTORY, Bus


def event(number: int) -> Event:
    return Event(type="network", action="create", actor=f"n{number}", time=number)


async def test_a_subscriber_gets_what_happens_after_it_came_in_order() -> None:
    bus = Bus()
    bus.publish(event(1))
    with bus.subscribe() as subscription:
        bus.publish(event(2))
        bus.publish(event(3))
        assert [await anext(subscription), await anext(subscription)] == [event(2), event(3)]


async def test_a_waiting_subscriber_is_woken() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        waiting = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        bus.publish(event(1))
        assert await waiting == event(1)


async def test_since_begins_with_what_is_remembered_and_goes_on_without_a_gap() -> None:
    bus = Bus()
    for number in (1, 2, 3):
        bus.publish(event(number))
    with bus.subscribe(since=2) as subscription:
        bus.publish(event(4))
        assert [await anext(subscription) for _ in range(3)] == [event(2), event(3), event(4)]


def test_only_the_last_events_are_remembered() -> None:
    bus = Bus()
    for number in range(HISTORY + 10):
        bus.publish(event(number))
    assert bus.recent()[0] == event(10)
    assert len(bus.recent()) == HISTORY


async def test_a_slow_subscriber_gets_what_was_queued_and_then_a_clear_end() -> None:
    bus = Bus(queue=2)
    with bus.subscribe() as slow, bus.subscribe() as quick:
        bus.publish(event(1))
        assert await anext(quick) == event(1)
        bus.publish(event(2))
        assert await anext(quick) == event(2)
        bus.publish(event(3))
        assert bus.subscribers == 1
        assert bus.cut_off == 1
        assert [await anext(slow), await anext(slow)] == [event(1), event(2)]
        with pytest.raises(Unavailable, match="read too slowly"):
            await anext(slow)
        assert await anext(quick) == event(3)


async def test_a_closed_subscription_ends_its_iteration_and_is_forgotten() -> None:
    bus = Bus()
    subscription = bus.subscribe()
    subscription.close()
    subscription.close()
    bus.publish(event(1))
    assert [found async for found in subscription] == []
    assert bus.subscribers == 0


async def test_closing_the_bus_ends_those_who_wait() -> None:
    bus = Bus()
    waiting = asyncio.ensure_future(anext(bus.subscribe(), None))
    await asyncio.sleep(0)
    bus.close()
    assert await waiting is None
