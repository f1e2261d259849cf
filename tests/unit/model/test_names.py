"""Ids and names."""

import secrets

import pytest

from netwright.errors import InvalidInput
from netwright.model.names import check_container_name, invent_name, is_id, new_id, short


class TestIds:
    def test_a_new_one_is_full_and_unlike_any_other(self) -> None:
        ids = {new_id() for _ in range(1000)}

        assert len(ids) == 1000
        assert all(map(is_id, ids))

    def test_its_short_form_is_never_a_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn = iter(["1234567890123456" * 4, "0" * 12 + "a" * 52, "a" + "1" * 63])
        monkeypatch.setattr(secrets, "token_hex", lambda _: next(drawn))

        assert new_id() == "a" + "1" * 63

    @pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n"])
    def test_nothing_else_is_one(self, text: str) -> None:
        assert not is_id(text)

    def test_twelve_digits_are_shown(self) -> None:
        assert short("0123456789abcdef") == "0123456789ab"


class TestContainerNames:
    @pytest.mark.parametrize("name", ["web", "a1", "0.x", "A_b-c.d", "x" * 200])
    def test_they_are_taken_with_and_without_a_slash(self, name: str) -> None:
        assert check_container_name(name) == name
        assert check_container_name(f"/{name}") == name

    @pytest.mark.parametrize(
        "name", ["", "/", "a", "-web", ".web", "_web", "web shop", "web/shop", "//web", "wéb", "web\n"]
    )
    def test_others_are_refused_in_dockers_words(self, name: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            check_container_name(name)
        assert str(refused.value) == (f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")

    def test_an_invented_one_is_allowed(self) -> None:
        for _ in range(200):
            assert check_container_name(invent_name())
