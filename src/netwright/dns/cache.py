"""What upstream servers have said, for as long as they allow. Pure: the clock is the caller's."""

from collections import OrderedDict
from typing import NamedTuple

from netwright.dns.wire import NOERROR, NXDOMAIN, Response, aged

ENTRIES = 10_000
LONGEST = 3600
"""Seconds that an answer is kept at most, whatever it says."""
LONGEST_NEGATIVE = 300

Key = tuple[str, bytes]
"""Whose servers were asked, and the query without its id: what is the same in all bytes is answered the same."""


class Kept(NamedTuple):
    """An answer, since when it is kept and until when."""

    response: Response
    since: float
    until: float


class Cache:
    """Answers by query. Where it is full, the oldest goes."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        # Not a dict: to find its first entry one walks over all that were deleted before it.
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, now: float) -> bytes | None:
        """Return an answer with its TTLs as they are now, or None; its id is not the caller's."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now >= kept.until:
            del self._kept[key]
            return None
        return aged(kept.response, int(now - kept.since))

    def put(self, key: Key, response: Response, now: float) -> None:
        """Keep an answer, if it is one that may be kept."""
        seconds = lifetime(response)
        if seconds <= 0:
            return
        kept = self._kept
        kept.pop(key, None)
        if len(kept) >= self._entries:
            kept.popitem(last=False)
        kept[key] = Kept(response, now, now + seconds)

    def clear(self) -> None:
        """Forget everything: the servers are others now."""
        self._kept.clear()


def lifetime(response: Response) -> int:
    """Return for how many seconds an answer may be kept: failures not at all, what does not exist not for long."""
    if response.rcode == NXDOMAIN:
        return min(response.seconds, LONGEST_NEGATIVE)
    return min(response.seconds, LONGEST) if response.rcode == NOERROR else 0
