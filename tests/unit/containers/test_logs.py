import asyncio
from pathlib import Path

import pytest

from netwright.containers.api import Frame, LogRequest
from netwright.containers.logs import nanoseconds, read_log, stamp, tail_offset

STAMP = "2026-11-24T13:55:5{}.700772317+00:00"


def written(path: Path, *lines: str) -> Path:
    """Write lines such as `stdout F text`, a second apart."""
    path.write_text("".join(f"{STAMP.format(number)} {line}\n" for number, line in enumerate(lines)))
    return path


async def read(path: Path, request: LogRequest) -> list[Frame]:
    return [frame async for frame in read_log(path, request)]


async def test_pieces_of_a_line_are_joined_and_streams_kept_apart(tmp_path: Path) -> None:
    path = written(tmp_path / "log", "stdout P ab", "stdout F c", "stderr F oops", "stdout F d  e ")
    assert await read(path, LogRequest()) == [Frame(1, b"abc\n"), Frame(2, b"oops\n"), Frame(1, b"d  e \n")]
    assert await read(path, LogRequest(stdout=False)) == [Frame(2, b"oops\n")]


async def test_an_unfinished_last_line_has_no_newline(tmp_path: Path) -> None:
    assert await read(written(tmp_path / "log", "stdout P prompt> "), LogRequest()) == [Frame(1, b"prompt> ")]


async def test_a_time_stands_once_before_each_line(tmp_path: Path) -> None:
    path = written(tmp_path / "log", "stdout P ab", "stdout F c", "stdout F d")
    text = b"".join(frame.data for frame in await read(path, LogRequest(timestamps=True)))
    assert text == b"2026-11-24T13:55:50.700772317Z abc\n2026-11-24T13:55:52.700772317Z d\n"


async def test_since_and_until_bound_the_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "log", "stdout F a", "stdout F b", "stdout F c")
    middle = nanoseconds(STAMP.format(1).encode())
    assert await read(path, LogRequest(since=middle)) == [Frame(1, b"b\nc\n")]
    assert await read(path, LogRequest(until=middle)) == [Frame(1, b"a\nb\n")]


@pytest.mark.parametrize(("count", "text"), [(0, b""), (1, b"e\n"), (2, b"cd\ne\n"), (99, b"a\nb\ncd\ne\n")])
async def test_a_tail_counts_whole_lines(tmp_path: Path, count: int, text: bytes) -> None:
    path = written(tmp_path / "log", "stdout F a", "stdout F b", "stdout P c", "stdout F d", "stdout F e")
    assert b"".join(frame.data for frame in await read(path, LogRequest(tail=count))) == text


def test_a_tail_is_found_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.containers.logs._BLOCK", 17)
    path = written(tmp_path / "log", *(f"stdout F line {number}" for number in range(9)))
    size = path.stat().st_size
    with path.open("rb") as file:
        assert [size - tail_offset(file, count) for count in (0, 1, 3, 9, 20)] == [0, size // 9, size // 3, size, size]


def test_times_are_read_in_any_zone_and_printed_in_utc() -> None:
    assert stamp(nanoseconds(b"2026-11-24T15:55:50.000000007+02:00")) == b"2026-11-24T13:55:50.000000007Z"


async def test_a_log_is_followed_until_the_end_is_known_and_read(tmp_path: Path) -> None:
    path = written(tmp_path / "log", "stdout F first")
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    frames = read_log(path, LogRequest(follow=True), ended)
    assert await anext(frames) == Frame(1, b"first\n")
    following = asyncio.ensure_future(anext(frames))
    with path.open("a") as file:
        file.write(f"{STAMP.format(5)} stdout F second\n")
    assert await following == Frame(1, b"second\n")
    with path.open("a") as file:
        file.write(f"{STAMP.format(6)} stdout F last\n")
    ended.set_result(None)
    assert [frame async for frame in frames] == [Frame(1, b"last\n")]


async def test_a_container_that_never_ran_has_an_empty_log(tmp_path: Path) -> None:
    assert await read(tmp_path / "none", LogRequest()) == []
