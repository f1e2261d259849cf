"""Elements by nfnetlink: the kernel holds what it holds when nft's own library is told the same in words."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network

import pytest
from tests.kernel.firewall_lab import namespace
from tests.unit.firewall.shapes import SHAPES, Shape

from netwright.errors import OperationFailed
from netwright.firewall import forward_guard
from netwright.firewall.elements import changes, elements_of
from netwright.firewall.layer2 import bridge_table
from netwright.firewall.skeleton import inet_table
from netwright.host.elements import Item, Name, PortNumber, SetChange, Verb
from netwright.kernel.nft import Nft
from netwright.kernel.nft_elements import NftElements, encode
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

TABLE = """table inet t {
	set ports { type inet_service; }
	set nets { type ipv4_addr; flags interval; }
	set nets6 { type ipv6_addr; flags interval; }
	map to { type inet_proto . inet_service : ipv4_addr . inet_service; }
}"""


@pytest.fixture
def nft() -> Iterator[Nft]:
    with namespace():
        yield Nft()


@pytest.fixture
def elements(nft: Nft) -> Iterator[NftElements]:
    made = NftElements()
    yield made
    made.close()


def change(verb: Verb, name: str, *items: Item) -> SetChange:
    return SetChange(verb, "inet", "t", name, items)


def ports(*numbers: int) -> Sequence[Item]:
    return [Item((PortNumber(number),)) for number in numbers]


def nets(*texts: str) -> Sequence[Item]:
    return [Item((ip_network(text),)) for text in texts]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_kind_of_element_is_stored_as_nft_stores_it_and_goes_again(shape: Shape) -> None:
    added = changes(Verb.ADD, "t", elements_of(shape.wanted))
    deleted = changes(Verb.DELETE, "t", elements_of(shape.wanted))
    skeleton = [*forward_guard.commands(shape.settings), inet_table("t", shape.settings), bridge_table("t")]
    with namespace():
        nft, elements = Nft(), NftElements()
        nft.run("\n".join(skeleton))
        empty = nft.listing("list ruleset")
        elements.run(added)
        ours = nft.listing("list ruleset")
        elements.run(deleted)
        assert nft.listing("list ruleset") == empty
        # What one has stored the other must be able to delete.
        elements.run(added)
        nft.run("\n".join(map(str, deleted)))
        assert nft.listing("list ruleset") == empty
        elements.close()
    with namespace():
        nft = Nft()
        nft.run("\n".join([*skeleton, *map(str, added)]))
        assert nft.listing("list ruleset") == ours


def test_neighbouring_subnets_come_and_go_in_any_order(nft: Nft, elements: NftElements) -> None:
    nft.run(TABLE)
    low, middle, high = (nets(f"10.64.{number}.0/24") for number in range(3))
    for item in (*middle, *high, *low):
        elements.run([change(Verb.ADD, "nets", item)])
    elements.run([change(Verb.DELETE, "nets", *middle)])
    listing = nft.listing("list set inet t nets")
    assert "10.64.0.0/24" in listing
    assert "10.64.2.0/24" in listing
    assert "10.64.1.0/24" not in listing
    elements.run([change(Verb.ADD, "nets", *middle)])
    elements.run([change(Verb.DELETE, "nets", *low, *high)])
    assert "{ 10.64.1.0/24 }" in nft.listing("list set inet t nets")


@pytest.mark.parametrize("net", ["0.0.0.0/8", "255.255.255.0/24", "0.0.0.0/0", "10.0.0.1/32"])
def test_subnets_at_the_ends_of_all_addresses_are_whole(nft: Nft, elements: NftElements, net: str) -> None:
    nft.run(TABLE)
    nft.run(f"add element inet t nets {{ {net} }}")
    expected = nft.listing("list set inet t nets")
    nft.run(f"delete element inet t nets {{ {net} }}")
    elements.run([change(Verb.ADD, "nets", *nets(net))])
    assert nft.listing("list set inet t nets") == expected


def test_changes_are_carried_out_as_a_whole_or_not_at_all(nft: Nft, elements: NftElements) -> None:
    nft.run(TABLE)
    with pytest.raises(OperationFailed, match=r"delete element inet t ports \{ 443 \}"):
        elements.run([change(Verb.ADD, "ports", *ports(80)), change(Verb.DELETE, "ports", *ports(443))])
    assert "80" not in nft.listing("list set inet t ports")
    elements.run([change(Verb.ADD, "ports", *ports(80))])
    assert "80" in nft.listing("list set inet t ports")


def test_what_is_there_may_be_added_again_unless_it_leads_elsewhere(nft: Nft, elements: NftElements) -> None:
    nft.run(TABLE)
    key = (Protocol.TCP, PortNumber(80))
    leads = Item(key, (ip_address("192.0.2.1"), PortNumber(8080)))
    elements.run([change(Verb.ADD, "to", leads)])
    elements.run([change(Verb.ADD, "to", leads)])
    other = Item(key, (ip_address("192.0.2.1"), PortNumber(8081)))
    with pytest.raises(OperationFailed, match="File exists"):
        elements.run([change(Verb.ADD, "to", other)])
    elements.run([change(Verb.DELETE, "to", leads), change(Verb.ADD, "to", other)])
    assert "8081" in nft.listing("list map inet t to")


def test_a_table_that_is_not_there_is_named(elements: NftElements) -> None:
    with pytest.raises(OperationFailed, match=r"No such file or directory.*inet t ports"):
        elements.run([change(Verb.ADD, "ports", *ports(80))])


def test_thousands_of_elements_are_one_transaction_of_several_messages(nft: Nft, elements: NftElements) -> None:
    nft.run(TABLE)
    many = change(Verb.ADD, "ports", *ports(*range(1, 6_001)))
    assert len(list(encode(many))) > 1
    with pytest.raises(OperationFailed):
        elements.run([many, change(Verb.DELETE, "nets", *nets("10.0.0.0/8"))])
    assert "elements" not in nft.listing("list set inet t ports")
    elements.run([many])
    assert nft.listing("list set inet t ports").count(",") == 5_999


def test_elements_stay_in_the_namespace_where_the_conversation_began(nft: Nft, elements: NftElements) -> None:
    nft.run(TABLE)
    with namespace():
        elements.run([change(Verb.ADD, "ports", *ports(80))])
    assert "80" in nft.listing("list set inet t ports")


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(TypeError, match="no part of an element"):
        list(encode(change(Verb.ADD, "ports", Item((object(),)))))  # type: ignore[arg-type]


def test_names_are_as_long_as_the_kernel_lets_them_be() -> None:
    (encoded,) = encode(change(Verb.ADD, "ports", Item((Name("veth0123456789a"),))))
    assert b"veth0123456789a\0" in encoded
