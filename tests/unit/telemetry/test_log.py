"""The log's two forms."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from netwright.telemetry.log import configure, set_level

log = logging.getLogger("netwright.store.sqlite")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def failing() -> None:
    raise ValueError("two\nlines")


def test_text_is_one_line_a_record_whatever_is_in_it() -> None:
    out = io.StringIO()
    configure("info", "text", out)
    log.info("first\nsecond", extra={"network": "blue"})
    try:
        failing()
    except ValueError:
        log.exception("failed")
    first, second = out.getvalue().splitlines()
    assert first.split(" ", 1)[1] == r"info  store.sqlite: first\nsecond network=blue"
    assert second.split(" ", 1)[1].startswith(r"error store.sqlite: failed | Traceback")
    assert second.endswith(r"ValueError: two\nlines")


def test_json_is_one_object_a_line() -> None:
    out = io.StringIO()
    configure("debug", "json", out)
    log.warning("careful: %s", "ä", extra={"network": "blue"})
    try:
        failing()
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "network": "blue",
        "level": "warn",
        "logger": "netwright.store.sqlite",
        "message": "careful: ä",
    }
    assert second["trace"].endswith("ValueError: two\nlines")


def test_the_level_can_be_changed() -> None:
    out = io.StringIO()
    configure("error", "text", out)
    log.warning("unheard")
    set_level("warn")
    log.warning("heard")
    assert len(out.getvalue().splitlines()) == 1


def test_configuring_again_replaces_what_was() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("info", "text", first)
    configure("info", "json", second)
    log.info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1
