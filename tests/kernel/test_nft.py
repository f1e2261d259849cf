"""libnftables in this process."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kernel.firewall_lab import namespace

from netwright.errors import OperationFailed
from netwright.kernel.nft import Nft

pytestmark = pytest.mark.kernel

TABLE = "table inet t {\n\tset numbers { type inet_service; }\n}"


@pytest.fixture
def nft() -> Iterator[Nft]:
    with namespace():
        yield Nft()


def test_tables_are_listed_by_family_and_name(nft: Nft) -> None:
    assert nft.tables() == ()
    nft.run(f"{TABLE}\nadd table bridge t")
    assert set(nft.tables()) == {"inet t", "bridge t"}


def test_a_transaction_is_carried_out_as_a_whole_or_not_at_all(nft: Nft) -> None:
    nft.run(TABLE)
    with pytest.raises(OperationFailed):
        nft.run("add element inet t numbers { 80 }\ndelete element inet t numbers { 443 }")
    assert "80" not in nft.listing("list set inet t numbers")


def test_a_refusal_shows_the_lines_with_their_numbers(nft: Nft) -> None:
    with pytest.raises(OperationFailed, match=r"(?s)No such file or directory.*   2 add chain inet absent c"):
        nft.run("add table inet t\nadd chain inet absent c")


def test_a_context_works_on_after_a_refusal(nft: Nft) -> None:
    with pytest.raises(OperationFailed):
        nft.run("add nonsense")
    nft.run(TABLE)
    assert nft.tables() == ("inet t",)


def test_no_commands_are_no_transaction(nft: Nft) -> None:
    nft.run("")
    nft.run("\n")
    assert nft.tables() == ()


def test_a_context_stays_in_the_namespace_where_it_was_made(nft: Nft) -> None:
    with namespace():
        nft.run(TABLE)
        assert Nft().tables() == ()
    assert nft.tables() == ("inet t",)


def test_contexts_of_several_threads_change_one_table_at_once(nft: Nft) -> None:
    nft.run(TABLE)
    failures: list[BaseException] = []
    contexts = [Nft() for _ in range(4)]

    def add(context: Nft, start: int) -> None:
        try:
            for number in range(start, start + 50):
                context.run(f"add element inet t numbers {{ {number} }}")
        except OperationFailed as failure:
            failures.append(failure)

    threads = [threading.Thread(target=add, args=(context, 1000 * i + 1000)) for i, context in enumerate(contexts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert nft.listing("list set inet t numbers").count(",") == 199


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_context_that_is_let_go_closes_its_socket(nft: Nft) -> None:
    before = descriptors()
    contexts = [Nft() for _ in range(5)]
    assert descriptors() > before
    contexts.clear()
    assert descriptors() == before
