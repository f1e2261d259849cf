"""The table of options as help, page and completion."""

import json

import pytest

from netwright.config import OPTIONS, parse
from netwright.config.render import EXAMPLE, completions, render_help, render_page
from netwright.config.table import FOREIGN


@pytest.mark.parametrize("width", [60, 80, 120])
def test_help_keeps_to_the_width(width: int) -> None:
    text = render_help("netwright daemon", width)
    lines = text.splitlines()
    # Two introductory lines are fixed; they are no wider than 90.
    assert all(len(line) <= max(width, 90) for line in lines)


def test_help_names_every_flag_and_ends_with_a_line_break() -> None:
    text = render_help("dockerd")
    assert text.startswith("Usage:  dockerd [OPTIONS]\n")
    assert text.endswith("\n")
    for option in (*OPTIONS.values(), *FOREIGN):
        assert not option.flag or f"--{option.flag}" in text


def test_the_page_names_every_flag_and_key() -> None:
    page = render_page()
    for option in (*OPTIONS.values(), *FOREIGN):
        assert option.flags in page
        assert option.key in page


def test_the_example_of_the_page_is_a_valid_file() -> None:
    assert parse([], EXAMPLE).ignored == ()
    assert len(json.loads(EXAMPLE)) > 5


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--icc"], ["--icc"]),
        (["--tlsc"], ["--tlscacert", "--tlscert"]),
        (["--log-format", ""], ["text", "json"]),
        (["-l", "d"], ["debug"]),
        (["--firewall-backend=ip"], ["--firewall-backend=iptables"]),
        (["--icc=f"], ["--icc=false"]),
        (["--data-root", ""], []),
        (["--nothing=", ""], []),
    ],
)
def test_completion_offers_flags_and_choices(words: list[str], offered: list[str]) -> None:
    found = [word for word, _ in completions(words)]
    if words == ["--nothing=", ""]:
        assert len(found) == sum(bool(option.flag) for option in OPTIONS.values())
    else:
        assert found == offered
