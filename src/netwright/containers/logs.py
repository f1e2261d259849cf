"""A container's log, in the format that conmon writes: `k8s-file`, which is Kubernetes' CRI format.

2026-11-24T13:55:55.700772317+00:00 stdout F a whole line, or the end of one
2026-11-24T13:55:55.700772317+00:00 stderr P the beginning of a line that goes on
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from asyncinotify import Inotify, Mask

from netwright.containers.api import STDERR, STDOUT, Frame, LogRequest

_BLOCK = 256 * 1024
_STREAMS = {b"stdout": STDOUT, b"stderr": STDERR}
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of output; `whole` says that a line ends with it. `stamp` is the time as conmon wrote it."""

    stamp: bytes
    stream: int
    whole: bool
    data: bytes

    @property
    def text(self) -> bytes:
        """The bytes that the process wrote."""
        return self.data + b"\n" if self.whole else self.data


def parse(line: bytes) -> Entry | None:
    """Read one line of the file, without its newline; None where it is none, as after a torn write."""
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[1] not in _STREAMS:
        return None
    return Entry(parts[0], _STREAMS[parts[1]], parts[2] == b"F", parts[3])


def nanoseconds(stamp: bytes) -> int:
    """Return conmon's time as nanoseconds since 1970."""
    text = stamp.decode()
    whole, _, rest = text.partition(".")
    digits = rest[:9]
    return _seconds(whole + rest[len(digits) :]) * _SECOND + int(digits.ljust(9, "0"))


@lru_cache(maxsize=256)
def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def stamp(time: int) -> bytes:
    """Return nanoseconds since 1970 as Docker prints them."""
    seconds, rest = divmod(time, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z".encode()


class _Selection:
    """Turns lines into the frames that a request wants."""

    def __init__(self, request: LogRequest) -> None:
        self._request = request
        self._streams = {STDOUT: request.stdout, STDERR: request.stderr}
        self._timed = request.timestamps or request.since is not None or request.until is not None
        self._inside = dict.fromkeys(_STREAMS.values(), False)

    def frames(self, lines: list[bytes]) -> Iterator[Frame]:
        """Yield frames; neighbours of one stream become one."""
        stream, gathered = 0, bytearray()
        for line in lines:
            entry = parse(line)
            text = self._text(entry) if entry is not None else b""
            if entry is None or not text:
                continue
            if entry.stream != stream and gathered:
                yield Frame(stream, bytes(gathered))
                gathered.clear()
            stream = entry.stream
            gathered += text
        if gathered:
            yield Frame(stream, bytes(gathered))

    def _text(self, entry: Entry) -> bytes:
        if not self._streams[entry.stream]:
            return b""
        if not self._timed:
            return entry.text
        time = nanoseconds(entry.stamp)
        begun = self._inside[entry.stream]
        self._inside[entry.stream] = not entry.whole
        if not self._is_wanted(time):
            return b""
        # A time stands before a line, not before each of its pieces.
        return stamp(time) + b" " + entry.text if self._request.timestamps and not begun else entry.text

    def _is_wanted(self, time: int) -> bool:
        since, until = self._request.since, self._request.until
        return (since is None or time >= since) and (until is None or time <= until)


def tail_offset(file: BinaryIO, count: int) -> int:
    """Return where the last `count` lines begin, reading blocks from the end."""
    position = file.seek(0, 2)
    rest = b""
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size) + rest
        lines = block.split(b"\n")
        # The first piece may be the end of a longer line: it is looked at together with the block before.
        rest = lines[0]
        end = position + len(block)
        for line in reversed(lines[1:] if position > 0 else lines):
            start = end - len(line)
            entry = parse(line)
            if entry is not None and entry.whole:
                if count == 0:
                    return end + 1
                count -= 1
            end = start - 1
    return 0


async def read_log(
    path: Path, request: LogRequest, ended: "asyncio.Future[None] | None" = None
) -> AsyncIterator[Frame]:
    """Yield the wanted part of a log, and follow it until `ended` is done and everything is read."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    selection = _Selection(request)
    with file:
        if request.tail is not None:
            file.seek(await asyncio.to_thread(tail_offset, file, request.tail))
        lines = _Lines(file)
        if ended is None:
            while (batch := await lines.more()) is not None:
                for frame in selection.frames(batch):
                    yield frame
            return
        async for batch in _followed(path, lines, ended):
            for frame in selection.frames(batch):
                yield frame


class _Lines:
    """Whole lines of a growing file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""

    async def more(self) -> list[bytes] | None:
        """Return some lines, or None at the present end."""
        block = await asyncio.to_thread(self._file.read, _BLOCK)
        if not block:
            return None
        *lines, self._rest = (self._rest + block).split(b"\n")
        return lines


async def _followed(path: Path, lines: _Lines, ended: "asyncio.Future[None]") -> AsyncIterator[list[bytes]]:
    with Inotify() as inotify:
        inotify.add_watch(path, Mask.MODIFY)
        while True:
            # Asked before reading: what is written before the end is then read before we stop.
            last = ended.done()
            while (batch := await lines.more()) is not None:
                yield batch
            if last:
                return
            change = asyncio.ensure_future(inotify.get())
            either: set[asyncio.Future[Any]] = {change, ended}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                change.cancel()
                with suppress(asyncio.CancelledError):
                    await change
