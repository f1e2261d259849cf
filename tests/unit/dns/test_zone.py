"""Who may see which name."""

import pytest

from netwright.dns import local, wire
from netwright.dns.exchange import dump_members, dump_view, load_members, load_view
from netwright.dns.local import Elsewhere, Local, decide
from netwright.dns.wire import Query
from netwright.dns.zone import Found, Joined, Member, View, Zone

A1, A2, A3, SIX = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3", bytes(15) + b"\1"


def member(network: str, endpoint: str, *names: str, addresses: tuple[bytes, ...] = (A1,)) -> Member:
    return Member(network=network, endpoint=endpoint, names=names, addresses=addresses)


def zone(*members: Member) -> Zone:
    made = Zone()
    for one in members:
        made.add(one)
    return made


def on(*networks: str, **more: object) -> View:
    return View(networks=tuple(Joined(id=f"id-{name}", name=name) for name in networks), **more)  # type: ignore[arg-type]


def addresses(made: Zone, view: View, name: str) -> tuple[bytes, ...] | None:
    found = made.find(view, name)
    return None if found is None else found.addresses


def test_a_name_is_known_on_its_network_and_nowhere_else() -> None:
    made = zone(member("id-a", "e", "web"))
    assert addresses(made, on("a"), "web") == (A1,)
    assert addresses(made, on("b"), "web") is None
    assert addresses(made, on(), "web") is None


def test_names_are_compared_without_regard_of_case() -> None:
    assert addresses(zone(member("id-a", "e", "Web")), on("a"), "wEB") == (A1,)


def test_names_outside_of_ascii_are_found_as_they_are_sent() -> None:
    assert addresses(zone(member("id-a", "e", "bücher")), on("a"), "bücher".encode().decode("latin-1")) == (A1,)


def test_several_endpoints_of_one_alias_are_all_told() -> None:
    made = zone(member("id-a", "e", "x", "db"), member("id-a", "f", "y", "db", addresses=(A2, SIX)))
    assert addresses(made, on("a"), "db") == (A1, A2, SIX)


def test_what_leaves_is_known_no_more_and_the_rest_stays() -> None:
    made = zone(member("id-a", "e", "x", "db"), member("id-a", "f", "y", "db", addresses=(A2,)))
    made.remove("id-a", "e")
    made.remove("id-a", "never")
    assert addresses(made, on("a"), "db") == (A2,)
    assert addresses(made, on("a"), "x") is None
    assert made.reverse(on("a"), A1) is None


def test_an_endpoint_that_is_published_again_has_its_new_names_alone() -> None:
    made = zone(member("id-a", "e", "old"), member("id-a", "e", "new"))
    assert addresses(made, on("a"), "old") is None
    assert addresses(made, on("a"), "new") == (A1,)
    assert made.reverse(on("a"), A1) == "new.a"


def test_a_name_with_its_network_is_found_there_alone() -> None:
    made = zone(member("id-a", "e", "web"), member("id-b", "f", "web", addresses=(A2,)))
    assert addresses(made, on("a", "b"), "web.b") == (A2,)
    assert addresses(made, on("a"), "web.b") is None


def test_a_network_and_a_name_may_both_have_dots() -> None:
    made = zone(member("id-b.c", "e", "x.a"))
    assert addresses(made, on("b.c"), "x.a.b.c") == (A1,)
    assert addresses(made, on("b.c"), "x.a") == (A1,)


def test_the_nearer_network_answers_and_the_clash_is_told() -> None:
    made = zone(member("id-a", "e", "web"), member("id-b", "f", "web", addresses=(A2,)))
    found = made.find(on("b", "a"), "web")
    assert found == Found((A2,), "a name on network b", clash="a")


def test_one_endpoint_on_two_networks_of_a_sandbox_is_told_from_the_nearer() -> None:
    made = zone(member("id-a", "e", "web"), member("id-b", "f", "web", addresses=(A1,)))
    assert made.find(on("a", "b"), "web") == Found((A1,), "a name on network a")


def test_links_come_before_names_and_keep_their_case() -> None:
    made = zone(member("id-a", "e", "postgres"), member("id-a", "f", "db", addresses=(A2,)))
    view = View(networks=(Joined(id="id-a", name="a", links={"db": "postgres"}),))
    assert addresses(made, view, "db") == (A1,)
    assert addresses(made, view, "DB") == (A2,)


def test_a_star_covers_everything_below_it_and_exact_names_win() -> None:
    made = zone(
        member("id-a", "e", "x", "*.app.test"),
        member("id-a", "f", "y", "*.sub.app.test", addresses=(A2,)),
        member("id-a", "g", "z", "one.app.test", addresses=(A3,)),
    )
    view = on("a")
    assert addresses(made, view, "any.App.test") == (A1,)
    assert addresses(made, view, "a.b.app.test") == (A1,)
    assert addresses(made, view, "a.sub.app.test") == (A2,)
    assert addresses(made, view, "one.app.test") == (A3,)
    assert addresses(made, view, "app.test") is None


def test_the_host_is_known_everywhere_unless_somebody_is_called_so() -> None:
    view = on("a", host=(A2,), gateway=(A3,))
    assert addresses(Zone(), view, "host.docker.internal") == (A2,)
    assert addresses(Zone(), view, "Gateway.docker.internal") == (A3,)
    assert addresses(Zone(), on("a"), "host.docker.internal") is None
    assert addresses(zone(member("id-a", "e", "host.docker.internal")), view, "host.docker.internal") == (A1,)


def test_addresses_are_called_by_the_first_name_and_the_network() -> None:
    made = zone(member("id-a", "e", "web", "www", addresses=(A1, SIX)))
    assert made.reverse(on("a"), A1) == "web.a"
    assert made.reverse(on("a"), SIX) == "web.a"
    assert made.reverse(on("b"), A1) is None


def ask(name: str, kind: int, klass: int = wire.IN) -> Query:
    return Query(1, 0x0100, name, kind, klass, wire.encode_name(name) + kind.to_bytes(2, "big") + b"\0\1")


def decided(query: Query, view: View | None = None, *, upstream: bool = True, ndots: bool = False) -> Local | Elsewhere:
    made = zone(member("id-a", "e", "web"), member("id-a", "f", "db", addresses=(A2,)), member("id-a", "g", "db"))
    return decide(made, view or on("a"), query, upstream=upstream, ndots=ndots)


def test_a_known_name_without_an_address_of_the_family_is_answered_empty() -> None:
    for kind in (wire.AAAA, wire.MX, wire.HTTPS):
        answer = decided(ask("web", kind))
        assert isinstance(answer, Local)
        assert answer.orders == ((),)


def test_other_types_and_classes_and_unknown_names_go_upstream() -> None:
    for query in (ask("web", 16), ask("web", 33), ask("web", wire.A, 3), ask("web.example.org", wire.A)):
        assert decided(query) is Elsewhere.UPSTREAM
        assert decided(query, upstream=False) is Elsewhere.NOWHERE


@pytest.mark.parametrize("by_host", [False, True])
def test_a_single_label_is_not_asked_upstream_where_ndots_is_set(by_host: bool) -> None:
    view = on("a", ndots=not by_host)
    for query in (ask("nobody", wire.A), ask("nobody", wire.AAAA)):
        answer = decided(query, view, ndots=by_host)
        assert isinstance(answer, Local)
        assert answer.orders == ((),)
    assert decided(ask("nobody", 16), view, ndots=by_host) is Elsewhere.UPSTREAM
    assert decided(ask("no.body", wire.A), view, ndots=by_host) is Elsewhere.UPSTREAM


def test_each_of_several_addresses_is_told_first_in_turn() -> None:
    query = ask("db", wire.A)
    answer = decided(query)
    assert isinstance(answer, Local)
    assert {order[0][1] for order in answer.orders} == {A1, A2}
    messages = local.answers(answer, query, 5, datagram=True)
    assert len({message[-4:] for message in messages}) == 2


def test_reverse_names_of_strangers_go_upstream() -> None:
    answer = decided(ask("1.0.0.10.in-addr.arpa", wire.PTR), on("a"))
    assert isinstance(answer, Local)
    assert decided(ask("9.9.9.9.in-addr.arpa", wire.PTR)) is Elsewhere.UPSTREAM


def test_views_and_members_pass_through_text_unchanged() -> None:
    view = View(
        networks=(Joined(id="id-a", name="a", links={"db": "x"}),),
        servers=("192.0.2.1", "fe80::1%eth0"),
        egress=False,
        ndots=True,
        host=(A1, SIX),
        gateway=(A2,),
        ttl=7,
    )
    members = [member("id-a", "e", "web", "bücher", addresses=(A1, SIX))]
    assert load_view(dump_view(view)) == view
    assert load_members(dump_members(members)) == members
