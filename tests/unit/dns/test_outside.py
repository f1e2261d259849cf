"""What the host is told of its containers, and what is left to others."""

import pytest

from netwright.dns import wire
from netwright.dns.domains import domains, is_below
from netwright.dns.exchange import dump_view, load_view
from netwright.dns.local import Elsewhere, Local
from netwright.dns.local import decide as decide_inside
from netwright.dns.outside import decide
from netwright.dns.wire import Query
from netwright.dns.zone import Joined, Member, View, Zone

SHOP, COMPOSED, WORLD = Joined(id="1", name="shop"), Joined(id="2", name="app_default"), Joined(id="3", name="com")
HOST = View(networks=(COMPOSED, WORLD, SHOP), egress=False, outside=True)


def member(network: str, *names: str, last: int, endpoint: str = "") -> Member:
    return Member(network=network, endpoint=endpoint or names[0], names=names, addresses=(bytes((10, 0, 0, last)),))


def zone() -> Zone:
    made = Zone()
    for one in (
        member("1", "web", "www", last=1),
        member("1", "twin", "www", last=2),
        member("2", "web2", "www", "*.app.test", last=3),
        member("1", "both", last=4, endpoint="both-1"),
        member("2", "both", last=5, endpoint="both-2"),
        member("3", "google", last=6),
    ):
        made.add(one)
    return made


def said(name: str, kind: int = wire.A, *, klass: int = wire.IN) -> Local | Elsewhere:
    return decide(zone(), HOST, Query(0, 0, name, kind, klass, b""))


def told(name: str, kind: int = wire.A) -> set[int]:
    answer = said(name, kind)
    assert isinstance(answer, Local)
    assert not answer.clash
    return {data[-1] for _, data in answer.orders[0]}


@pytest.mark.parametrize("name", ["web", "WEB", "web.shop", "web.shop.docker.internal", "Web.Shop.Docker.Internal"])
def test_a_name_is_told_alone_with_its_network_and_in_the_networks_domain(name: str) -> None:
    assert told(name) == {1}


def test_all_endpoints_of_one_alias_on_one_network_are_told() -> None:
    assert told("www.shop") == {1, 2}


def test_a_name_of_different_containers_is_no_answer_but_a_clash() -> None:
    answer = said("www")
    assert isinstance(answer, Local)
    assert (answer.orders, answer.clash) == ((), "shop")


def test_a_container_on_two_networks_is_one_container() -> None:
    assert told("both") == {5}
    assert told("both.shop") == {4}


def test_an_alias_with_a_star_covers_what_is_below_it() -> None:
    assert told("any.app.test") == {3}


def test_other_types_of_a_name_that_is_known_are_answered_empty() -> None:
    assert told("web", wire.AAAA) == told("web", wire.MX) == told("web", 16) == set()


def test_an_address_is_called_by_container_and_network() -> None:
    answer = said("1.0.0.10.in-addr.arpa", wire.PTR)
    assert isinstance(answer, Local)
    assert wire.decode_name(answer.orders[0][0][1]) == "web.shop."
    assert said("1.2.0.192.in-addr.arpa", wire.PTR) is Elsewhere.FOREIGN


@pytest.mark.parametrize(
    "name", ["example.org", "mail.google.com", "no.shop", "shop", "com", "", "docker.internal", "web.docker.internal"]
)
def test_what_may_be_somebody_elses_is_left_to_others(name: str) -> None:
    assert said(name) is Elsewhere.FOREIGN


@pytest.mark.parametrize("name", ["no.shop.docker.internal", "no.app_default", "x.google.com.docker.internal"])
def test_what_can_only_be_ours_and_is_not_does_not_exist(name: str) -> None:
    assert said(name) is Elsewhere.ABSENT


def test_another_class_is_left_to_others() -> None:
    assert said("web", klass=3) is Elsewhere.FOREIGN


@pytest.mark.parametrize(
    ("network", "own"),
    [
        ("shop", ("shop.docker.internal",)),
        ("App_default", ("app_default.docker.internal", "app_default")),
        ("a_b.example.org", ("a_b.example.org.docker.internal",)),
    ],
)
def test_a_network_has_no_domain_that_the_world_may_have(network: str, own: tuple[str, ...]) -> None:
    assert domains(network) == own
    assert all(is_below([Joined(id="x", name=network)], f"Any.{domain}") for domain in own)
    assert not is_below([Joined(id="x", name=network)], own[0])


def test_a_sandbox_does_not_ask_the_host_for_what_the_host_asks_us() -> None:
    view = View(networks=(SHOP,))

    def inside(name: str, view: View = view) -> Local | Elsewhere:
        query = Query(0, 0, name, wire.A, wire.IN, b"")
        return decide_inside(zone(), view, query, upstream=True, outside=HOST.networks)

    assert inside("web2.app_default") is inside("web2.app_default.docker.internal") is Elsewhere.ABSENT
    assert isinstance(inside("web.shop"), Local)
    assert inside("google.com") is inside("web2") is Elsewhere.UPSTREAM
    own_servers = View(networks=(SHOP,), servers=("192.0.2.1",))
    assert inside("web2.app_default", own_servers) is Elsewhere.UPSTREAM


def test_the_view_of_the_host_is_read_as_it_was_written() -> None:
    assert load_view(dump_view(HOST)) == HOST
