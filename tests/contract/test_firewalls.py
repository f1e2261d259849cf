"""nftables and iptables, on every kind of host."""

import pytest
from tests.contract.rigs import Rig
from tests.contract.scene import inverse_of, refused

from netwright.host import queries
from netwright.host.ops import (
    IptablesTransaction,
    NftTransaction,
)

TABLE = """table inet mine {
	set ports { type inet_service; }

	chain forward {
		type filter hook forward priority 0; policy accept;
	}
}"""


async def test_a_table_is_made_with_its_elements_and_deleted(rig: Rig) -> None:
    await rig.host.do([NftTransaction(commands=f"{TABLE}\nadd element inet mine ports {{ 80, 443 }}")])
    assert await rig.host.ask(queries.NftTables()) == ("inet mine",)
    assert rig.elements("inet", "mine", "ports") == {"80", "443"}
    await rig.host.do([NftTransaction(commands="delete table inet mine")])
    assert await rig.host.ask(queries.NftTables()) == ()


async def test_a_transaction_is_taken_back_by_what_it_carries(rig: Rig) -> None:
    await rig.host.do([NftTransaction(commands=TABLE)])
    change = NftTransaction(commands="add element inet mine ports { 80 }", undo="delete element inet mine ports { 80 }")
    await rig.host.do([change])
    assert rig.elements("inet", "mine", "ports") == {"80"}
    await rig.host.do([inverse_of(change)])
    assert rig.elements("inet", "mine", "ports") == set()
    assert NftTransaction(commands=TABLE).inverse() is None


async def test_tables_are_listed_as_they_stand_and_as_commands_would_make_them(rig: Rig) -> None:
    await rig.host.do([NftTransaction(commands=f"{TABLE}\nadd element inet mine ports {{ 80 }}")])
    asked = ("inet mine", "inet absent")
    stands = await rig.host.ask(queries.NftListings(asked))
    made = await rig.host.ask(
        queries.NftListings(asked, made_by=f"{TABLE}\nadd element inet mine ports {{ 80 }}\nadd table inet other")
    )
    assert stands == made
    assert set(stands) == {"inet mine"}
    assert "elements = { 80 }" in stands["inet mine"]
    # What would be made was made nowhere.
    assert await rig.host.ask(queries.NftTables()) == ("inet mine",)


@pytest.mark.parametrize(
    "refusal",
    [
        "delete element inet mine ports { 443 }",
        "add element inet mine absent { 443 }",
        "delete table inet absent",
        "flush chain inet mine absent",
        "add rule inet mine absent accept",
    ],
)
async def test_a_transaction_is_all_or_nothing(rig: Rig, refusal: str) -> None:
    await rig.host.do([NftTransaction(commands=TABLE)])
    failure = await refused(rig, NftTransaction(commands=f"add element inet mine ports {{ 80 }}\n{refusal}"))
    assert failure.done == 0
    assert rig.elements("inet", "mine", "ports") == set()


async def test_a_map_leads_to_one_value_only(rig: Rig) -> None:
    table = "add table ip m\nadd map ip m to { type inet_service : inet_service; }\nadd element ip m to { 80 : 8080 }"
    await rig.host.do([NftTransaction(commands=table)])
    await rig.host.do([NftTransaction(commands="add element ip m to { 80 : 8080 }")])
    await refused(rig, NftTransaction(commands="add element ip m to { 80 : 8081 }"))
    replaced = "delete element ip m to { 80 : 8080 }\nadd element ip m to { 80 : 8081 }"
    await rig.host.do([NftTransaction(commands=replaced)])


async def test_what_is_added_and_deleted_in_one_transaction_need_not_be_there(rig: Rig) -> None:
    await rig.host.do([NftTransaction(commands="add table inet mine\ndelete table inet mine")])
    assert await rig.host.ask(queries.NftTables()) == ()


def filter_text(*lines: str) -> str:
    return "\n".join(("*filter", *lines, "COMMIT", ""))


async def rules(rig: Rig, version: int) -> list[str]:
    text = await rig.host.ask(queries.IptablesRules(version, "filter"))
    if text is None:
        pytest.skip("iptables is not installed here")
    return [line for line in text.splitlines() if line.startswith(("-A", ":MINE"))]


@pytest.mark.parametrize("version", [4, 6])
async def test_iptables_rules_are_made_and_taken_back(rig: Rig, version: int) -> None:
    assert await rules(rig, version) == []
    change = IptablesTransaction(
        version=version,
        rules=filter_text(
            ":MINE - [0:0]", "-A MINE -i br0 -j DROP", "-A FORWARD -j MINE", "-I MINE 1 -o br0 -j ACCEPT"
        ),
        undo=filter_text("-D FORWARD -j MINE", "-F MINE", "-X MINE"),
    )
    await rig.host.do([change])
    found = await rules(rig, version)
    assert found == [":MINE - [0:0]", "-A FORWARD -j MINE", "-A MINE -o br0 -j ACCEPT", "-A MINE -i br0 -j DROP"]
    await rig.host.do([inverse_of(change)])
    assert await rules(rig, version) == []
    assert IptablesTransaction(version=version, rules="").inverse() is None


@pytest.mark.parametrize("refusal", ["-D FORWARD -j ACCEPT", "-A ABSENT -j ACCEPT", "-X ABSENT", "-X MINE"])
async def test_a_table_of_iptables_changes_as_a_whole_or_not_at_all(rig: Rig, refusal: str) -> None:
    await rules(rig, 4)
    wanted = filter_text(":MINE - [0:0]", "-A MINE -j DROP", "-A FORWARD -j MINE", refusal)
    await refused(rig, IptablesTransaction(version=4, rules=wanted))
    assert await rules(rig, 4) == []


async def test_to_name_a_chain_empties_it(rig: Rig) -> None:
    await rules(rig, 4)
    await rig.host.do([IptablesTransaction(version=4, rules=filter_text(":MINE - [0:0]", "-A MINE -j DROP"))])
    await rig.host.do([IptablesTransaction(version=4, rules=filter_text(":MINE - [0:0]"))])
    assert await rules(rig, 4) == [":MINE - [0:0]"]
