"""Why a name is answered as it is."""

import pytest

from netwright.dns.exchange import dump_explanation, load_explanation
from netwright.dns.explain import Explanation, explain
from netwright.dns.resolvconf import ResolvConf
from netwright.dns.zone import Joined, Member, View, Zone

ONE, TWO = Joined(id="1", name="one"), Joined(id="2", name="two")
HOST = ResolvConf(("192.0.2.53",))


def zone() -> Zone:
    made = Zone()
    for network, last in (("1", 1), ("2", 2)):
        made.add(Member(network=network, endpoint=network, names=("web",), addresses=(bytes((10, 0, 0, last)),)))
    return made


def said(name: str, kind: str = "A", *, view: View | None = None, host: ResolvConf = HOST) -> Explanation:
    return explain(zone(), view or View(networks=(ONE, TWO)), name, kind, host)


def test_a_name_of_two_networks_tells_of_both() -> None:
    assert said("web") == Explanation(source="zone", why="a name on network one", told=("10.0.0.1",), clash="two")
    assert said("web.two").told == ("10.0.0.2",)


def test_an_address_is_called_by_its_name() -> None:
    assert said("2.0.0.10.in-addr.arpa", "ptr").told == ("web.two.",)


def test_other_names_tell_who_is_asked_from_where() -> None:
    assert "the host" in said("example.org").why
    own = said("example.org", view=View(networks=(ONE,), servers=("192.0.2.1",)))
    assert (own.source, own.servers) == ("upstream", ("192.0.2.1",))
    assert "--dns" in own.why


@pytest.mark.parametrize(
    ("view", "host", "why"),
    [
        (View(networks=(ONE,), egress=False), HOST, "no way out"),
        (View(networks=(ONE,)), ResolvConf(), "no name server is known"),
    ],
)
def test_where_nobody_can_be_asked_the_reason_is_told(view: View, host: ResolvConf, why: str) -> None:
    answer = said("example.org", view=view, host=host)
    assert answer.source == "nowhere"
    assert why in answer.why


@pytest.mark.parametrize(("name", "kind"), [("web", "NOPE"), ("a..b", "A"), ("x" * 64, "A")])
def test_what_cannot_be_asked_is_refused(name: str, kind: str) -> None:
    with pytest.raises(ValueError, match=r"type|DNS"):
        said(name, kind)


ALL = View(networks=(ONE, Joined(id="3", name="three_four"), TWO), egress=False, outside=True)


def test_the_host_is_told_where_a_name_is_and_what_it_is_called() -> None:
    assert said("web.two", view=ALL) == Explanation(source="zone", why="a name on network two", told=("10.0.0.2",))
    assert said("web.two", "AAAA", view=ALL).told == ()
    assert said("1.0.0.10.in-addr.arpa", "PTR", view=ALL).told == ("web.one.",)


@pytest.mark.parametrize(
    ("name", "why", "clash"),
    [
        ("web", "a name on network one and another one on network two: REFUSED", "two"),
        ("no.three_four", "NXDOMAIN", ""),
        ("example.org", "REFUSED, so that the host asks its other servers", ""),
    ],
)
def test_what_the_host_is_not_told_has_a_reason_and_is_asked_of_nobody(name: str, why: str, clash: str) -> None:
    one, two = (
        Member(network=n, endpoint=n, names=(f"c{n}", "web"), addresses=(bytes((10, 0, 0, int(n))),)) for n in "12"
    )
    made = Zone()
    made.add(one)
    made.add(two)
    answer = explain(made, ALL, name, "A", HOST)
    assert (answer.source, answer.told, answer.servers, answer.clash) == ("nowhere", (), (), clash)
    assert why in answer.why


def test_an_explanation_passes_through_text_unchanged() -> None:
    assert load_explanation(dump_explanation(said("web"))) == said("web")
