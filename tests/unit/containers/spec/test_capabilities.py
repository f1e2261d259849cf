import pytest

from netwright.containers.spec.capabilities import DEFAULT, KNOWN, choose, from_mask
from netwright.errors import InvalidInput


def test_a_container_has_dockers_fourteen_by_default() -> None:
    assert set(choose(add=(), drop=(), privileged=False)) == set(DEFAULT)
    assert len(DEFAULT) == 14


@pytest.mark.parametrize("name", ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN"])
def test_a_capability_may_be_written_in_any_case_and_without_its_prefix(name: str) -> None:
    assert "CAP_NET_ADMIN" in choose(add=(name,), drop=(), privileged=False)


def test_all_but_one_and_none_but_one_can_be_said() -> None:
    assert set(KNOWN) - set(choose(add=("ALL",), drop=("CHOWN",), privileged=False)) == {"CAP_CHOWN"}
    assert choose(add=("CHOWN",), drop=("ALL",), privileged=False) == ("CAP_CHOWN",)


def test_all_means_what_the_engine_itself_has() -> None:
    own = frozenset({"CAP_CHOWN", "CAP_KILL"})
    assert choose(add=(), drop=(), privileged=True, available=own) == ("CAP_CHOWN", "CAP_KILL")


def test_an_unknown_capability_is_refused_in_dockers_words() -> None:
    with pytest.raises(InvalidInput, match='invalid CapAdd: unknown capability: "CAP_FLY"'):
        choose(add=("fly",), drop=(), privileged=False)


def test_a_mask_is_read_by_the_kernels_numbers() -> None:
    assert from_mask(1 << 12 | 1) == {"CAP_CHOWN", "CAP_NET_ADMIN"}
    assert len(from_mask((1 << 41) - 1)) == 41
