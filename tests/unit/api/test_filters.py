"""The parameter `filters`."""

import pytest

from netwright.api.filters import Filters
from netwright.errors import InvalidInput

ALLOWED = ("name", "label", "dangling")


def test_both_notations_say_the_same() -> None:
    for text in ('{"name": ["a", "b"]}', '{"name": {"a": true, "b": true, "c": false}}'):
        assert sorted(Filters.parse(text, ALLOWED).get("name")) == ["a", "b"]


def test_no_filter_lets_everything_pass() -> None:
    for text in ("", "{}", "null", '{"name": []}', '{"name": null}'):
        filters = Filters.parse(text, ALLOWED)

        assert filters.exact("name", "x")
        assert filters.match("name", "x")
        assert filters.labels({})
        assert filters.flag("dangling") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"nome": ["a"]}', "invalid filter 'nome'"),
        ('{"name": {"a": "true"}}', "invalid filter"),
        ("name=a", "invalid filter"),
        ('{"name": "a"}', "invalid filter"),
        ('["name"]', "invalid filter"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Filters.parse(text, ALLOWED)

    assert str(refused.value) == words


def test_names_match_as_a_whole_in_part_or_as_a_pattern() -> None:
    filters = Filters({"name": ["^web.$", "db"]})

    assert filters.match("name", "web1")
    assert filters.match("name", "my-db-2")
    assert not filters.match("name", "my-web1")
    assert not Filters({"name": ["["]}).match("name", "web1")
    assert Filters({"name": ["["]}).match("name", "[")


def test_labels_must_all_be_there_and_excluded_ones_must_not() -> None:
    present = {"a": "1", "b": ""}

    assert Filters({"label": ["a=1", "b"]}).labels(present)
    assert not Filters({"label": ["a=2"]}).labels(present)
    assert not Filters({"label": ["a", "c"]}).labels(present)
    assert not Filters({"label!": ["a"]}).labels(present)
    assert Filters({"label!": ["a=2"]}).labels(present)


@pytest.mark.parametrize(("value", "meaning"), [("1", True), ("true", True), ("0", False), ("false", False)])
def test_switches_are_digits_or_words(value: str, meaning: bool) -> None:
    assert Filters({"dangling": [value]}).flag("dangling") is meaning


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["maybe"], """invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")"""),
        (["1", "0"], 'got more than one value for filter key "dangling"'),
    ],
)
def test_what_is_no_switch_is_refused(values: list[str], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Filters({"dangling": values}).flag("dangling")

    assert str(refused.value) == words
