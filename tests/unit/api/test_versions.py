"""The versions of the API."""

import pytest

from netwright.api.versions import NEWEST, OLDEST, ApiVersion, check
from netwright.errors import InvalidInput

TOO_OLD = (
    "client version 1.23 is too old. Minimum supported API version is 1.24, "
    "please upgrade your client to a newer version"
)


def test_versions_compare_by_number() -> None:
    assert ApiVersion.parse("1.9") < ApiVersion.parse("1.24") < ApiVersion.parse("1.51")
    assert str(ApiVersion.parse("1.41")) == "1.41"


def test_all_from_the_oldest_to_the_newest_are_spoken() -> None:
    for minor in range(OLDEST.minor, NEWEST.minor + 1):
        check(ApiVersion(1, minor))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "1.23",
            TOO_OLD,
        ),
        ("1.99", "client version 1.99 is too new. Maximum supported API version is 1.52"),
        ("2.0", "client version 2.0 is too new. Maximum supported API version is 1.52"),
    ],
)
def test_others_are_refused_in_dockers_words(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(ApiVersion.parse(text))

    assert str(refused.value) == words
