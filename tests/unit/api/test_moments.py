"""Times are written and read as Docker does."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from netwright.api.moments import NEVER, ago, nanoseconds, parse_moment, rfc3339, seconds
from netwright.errors import InvalidInput

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "2026-03-04T05:06:07Z"),
        (datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC), "2026-03-04T05:06:07.89Z"),
        (datetime(2026, 3, 4, 5, 6, 10, 123456, tzinfo=UTC), "2026-03-04T05:06:10.123456Z"),
        (datetime(2026, 3, 4, 1, 6, 7, tzinfo=timezone(timedelta(hours=2))), "2026-03-03T23:06:07Z"),
        (None, NEVER),
    ],
)
def test_times_are_written_as_go_writes_them(moment: datetime | None, text: str) -> None:
    assert rfc3339(moment) == text


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (-3.0, "Less than a second"),
        (0.9, "Less than a second"),
        (1.9, "1 second"),
        (59.9, "59 seconds"),
        (MINUTE, "About a minute"),
        (119, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (59 * MINUTE + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (1.49 * HOUR, "About an hour"),
        (1.5 * HOUR, "2 hours"),
        (47.4 * HOUR, "47 hours"),
        (47.6 * HOUR, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
    ],
)
def test_spans_are_worded_as_docker_words_them(span: float, words: str) -> None:
    assert ago(span) == words


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1700000000", 1_700_000_000_000_000_000),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("1700000000.000000001", 1_700_000_000_000_000_001),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
        ("2023-11-14T23:13:20.25+01:00", 1_700_000_000_250_000_000),
        ("2023-11-14", 1_699_920_000_000_000_000),
        ("10m", 1_699_999_400_000_000_000),
        ("1h0.5s", 1_699_996_399_500_000_000),
    ],
)
def test_points_of_time_are_read_in_all_of_dockers_forms(text: str, moment: int) -> None:
    assert parse_moment(text, now=1_700_000_000.0) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "10x", "1.2.3", "\u0661\u0660"])
def test_what_is_no_point_of_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="as time or duration"):
        parse_moment(text)


def test_nanoseconds_lose_nothing_of_a_time() -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 123457, tzinfo=UTC)

    assert nanoseconds(moment) % 10**9 == 123_457_000
    assert seconds(moment) == nanoseconds(moment) // 10**9
    assert seconds(None) == 0
