"""Which interfaces enter firewalld's zone, which leave it, and which are the administrator's to place."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.firewall.firewalld import ZONE, Elsewhere, Enter, Leave, decide

NAMES = ("br-1", "br-2", "br-3", "eth0")


def test_a_bridge_without_a_zone_enters_ours() -> None:
    assert decide({"br-1"}, {"br-1"}, (), {ZONE: ()}) == [Enter("br-1")]


def test_a_bridge_that_was_taken_out_by_hand_stays_out() -> None:
    assert decide({"br-1"}, {"br-1"}, {"br-1"}, {ZONE: ()}) == []


def test_a_bridge_in_another_zone_stays_there() -> None:
    assert decide({"br-1"}, {"br-1"}, (), {ZONE: (), "trusted": ["br-1"]}) == [Elsewhere("br-1", "trusted")]


def test_what_is_no_bridge_any_more_leaves_our_zone_and_no_other() -> None:
    assert decide({"br-1", "br-2"}, (), (), {ZONE: ["br-1"], "trusted": ["br-2"]}) == [Leave("br-1")]


@settings(max_examples=200)
@given(
    looked_at=st.sets(st.sampled_from(NAMES)),
    bridges=st.sets(st.sampled_from(NAMES)),
    released=st.sets(st.sampled_from(NAMES)),
    placed=st.dictionaries(st.sampled_from(NAMES), st.sampled_from((ZONE, "public", "trusted"))),
)
def test_nothing_is_moved_out_of_the_zone_of_another_and_a_second_look_finds_nothing_to_do(
    looked_at: set[str], bridges: set[str], released: set[str], placed: dict[str, str]
) -> None:
    after = dict(placed)
    for step in decide(looked_at, bridges, released, _zones(placed)):
        assert step.interface in looked_at
        match step:
            case Enter(interface):
                assert interface not in after
                assert interface in bridges - released
                after[interface] = ZONE
            case Leave(interface):
                assert after.pop(interface) == ZONE
                assert interface not in bridges

    again = decide(looked_at, bridges, released, _zones(after))

    assert all(isinstance(step, Elsewhere) for step in again)
    assert looked_at & bridges - released <= after.keys()


def _zones(placed: dict[str, str]) -> dict[str, set[str]]:
    return {zone: {name for name, where in placed.items() if where == zone} for zone in (ZONE, "public", "trusted")}
