"""Messages: our strict reading and our writing, held against dnspython."""

import ipaddress
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.dns import wire
from netwright.dns.wire import Malformed

dns_message = pytest.importorskip("dns.message")
dns_exception = pytest.importorskip("dns.exception")
dns_flags = pytest.importorskip("dns.flags")
dns_name = pytest.importorskip("dns.name")
dns_rrset = pytest.importorskip("dns.rrset")

calm = settings(deadline=None, max_examples=60)
"""No example is timed: a machine that is busy with something else would fail it."""
LABELS = st.lists(st.text("abcXYZ019-_", min_size=1, max_size=63), min_size=1, max_size=4)
KINDS = st.sampled_from(["A", "AAAA", "PTR", "MX", "SRV", "TXT", "HTTPS", "ANY"])


def query(name: str, kind: str = "A", **more: Any) -> bytes:
    wired: bytes = dns_message.make_query(name, kind, **more).to_wire()
    return wired


@calm
@given(labels=LABELS, kind=KINDS, edns=st.sampled_from([None, 512, 1232, 65535]), dnssec=st.booleans())
def test_a_query_is_read_as_dnspython_wrote_it(labels: list[str], kind: str, edns: int | None, dnssec: bool) -> None:
    name = ".".join(labels)
    options: dict[str, Any] = {} if edns is None else {"use_edns": 0, "payload": edns, "want_dnssec": dnssec}
    packet = query(name, kind, **options)

    read = wire.parse_query(packet)

    assert read.name == name
    assert read.kind == dns_message.from_wire(packet).question[0].rdtype
    assert read.edns is (edns is not None)
    assert read.dnssec is (edns is not None and dnssec)
    assert read.size == min(edns or 512, wire.LARGEST)
    assert packet[wire.HEADER :].startswith(read.question)


@calm
@given(packet=st.binary(max_size=100) | st.binary(max_size=80).map(lambda rest: query("a.bc")[:12] + rest))
def test_whatever_comes_is_read_or_malformed_and_never_more_lenient_than_dnspython(packet: bytes) -> None:
    try:
        read = wire.parse_query(packet)
    except Malformed:
        wire.refuse(packet, wire.FORMERR)
        return
    (asked,) = dns_message.from_wire(packet).question
    labels = [label.decode("latin-1").replace("\\", "\\\\").replace(".", "\\.") for label in asked.name.labels[:-1]]
    assert (read.name, read.kind) == (".".join(labels), asked.rdtype)


@calm
@given(place=st.integers(0, 200), value=st.integers(0, 255), edns=st.booleans())
def test_a_query_with_a_changed_byte_does_no_harm(place: int, value: int, edns: bool) -> None:
    packet = bytearray(query("web.example.org", "AAAA", use_edns=0 if edns else False))
    packet[place % len(packet)] = value
    try:
        wire.parse_query(bytes(packet))
    except Malformed as error:
        refusal = wire.refuse(bytes(packet), error.rcode)
        assert refusal is None or dns_message.from_wire(refusal).rcode() in {1, 4, 16}


@pytest.mark.parametrize(
    ("packet", "rcode"),
    [
        (b"", 1),
        (query("a")[:11], 1),
        (query("a") + b"\0", 1),
        (query("a")[:-1], 1),
        (b"\0\1\x28\0" + query("a")[4:], 4),
        (query("a")[:12] + b"\xc0\x0c\0\1\0\1", 1),
        (query("a")[:12] + b"\x40" + query("a")[13:], 1),
        (query("a")[:12] + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1", 1),
        (struct.pack("!6H", 1, 0, 2, 0, 0, 0) + query("a")[12:] * 2, 1),
        (query("a", use_edns=0)[:-6] + b"\0\1\0\0\0\0", 16),
    ],
)
def test_what_is_no_plain_query_is_refused(packet: bytes, rcode: int) -> None:
    with pytest.raises(Malformed) as failure:
        wire.parse_query(packet)
    assert failure.value.rcode == rcode


def test_an_answer_is_never_answered() -> None:
    packet = wire.respond(wire.parse_query(query("a")), (), 5)
    assert wire.refuse(packet, wire.FORMERR) is None


@calm
@given(
    name=LABELS,
    addresses=st.lists(st.ip_addresses(v=4), max_size=40, unique=True),
    ttl=st.integers(0, 86400),
    edns=st.sampled_from([None, 512, 1232]),
    datagram=st.booleans(),
)
def test_what_we_answer_is_read_by_dnspython_and_fits(
    name: list[str], addresses: list[ipaddress.IPv4Address], ttl: int, edns: int | None, datagram: bool
) -> None:
    options: dict[str, Any] = {} if edns is None else {"use_edns": 0, "payload": edns}
    packet = query(".".join(name), **options)
    asked = wire.parse_query(packet)
    answer = wire.respond(
        asked, [(wire.A, address.packed) for address in addresses], ttl, limit=asked.size if datagram else 0
    )

    said = dns_message.from_wire(answer)

    assert said.is_response is not None
    assert dns_message.from_wire(packet).is_response(said)
    told = [item.address for rrset in said.answer for item in rrset]
    cut = bool(said.flags & dns_flags.TC)
    assert set(told) <= {str(address) for address in addresses}
    assert cut == (len(told) < len(addresses))
    assert len(answer) <= (asked.size if datagram else 65535)
    assert not (cut and not datagram)
    assert all(rrset.ttl == ttl for rrset in said.answer)
    assert (said.edns >= 0) == (edns is not None)


def upstream(packet: bytes, *records: str, negative: str = "") -> bytes:
    """Return what a server answers, as dnspython writes it, with names compressed."""
    response = dns_message.make_response(dns_message.from_wire(packet))
    name = response.question[0].name
    for record in records:
        ttl, kind, data = record.split(" ", 2)
        response.answer.append(dns_rrset.from_text(name, int(ttl), "IN", kind, data))
    if negative:
        ttl, minimum = negative.split()
        soa = f"ns.test. admin.test. 1 2 3 4 {minimum}"
        response.authority.append(dns_rrset.from_text("test.", int(ttl), "IN", "SOA", soa))
    wired: bytes = response.to_wire()
    return wired


def test_an_answer_holds_as_long_as_its_shortest_part() -> None:
    packet = query("www.example.org")
    said = upstream(packet, "300 CNAME web.example.org.", "60 A 192.0.2.1")
    assert wire.parse_response(said, packet[12:]).seconds == 60


def test_what_does_not_exist_holds_as_long_as_its_zone_says() -> None:
    packet = query("no.test")
    assert wire.parse_response(upstream(packet, negative="900 30"), packet[12:]).seconds == 30
    assert wire.parse_response(upstream(packet), packet[12:]).seconds == 0


def test_ttls_run_down_and_nothing_else_changes() -> None:
    packet = query("www.example.org")
    said = wire.parse_response(upstream(packet, "300 CNAME web.example.org.", "60 A 192.0.2.1"), packet[12:])
    later = dns_message.from_wire(wire.aged(said, 100))
    assert [rrset.ttl for rrset in later.answer] == [200, 0]
    assert later.answer[1][0].address == "192.0.2.1"


def test_an_answer_to_another_question_is_none() -> None:
    asked, other = query("web.example.org"), query("wab.example.org")
    with pytest.raises(Malformed):
        wire.parse_response(upstream(other, "60 A 192.0.2.1"), asked[12:])
    with pytest.raises(Malformed):
        wire.parse_response(upstream(query("web.example.org", "AAAA")), asked[12:])


def test_a_server_that_changes_the_case_is_understood_and_the_client_sees_its_own() -> None:
    asked, lower = query("WeB.example.ORG"), query("web.example.org")
    response = wire.parse_response(upstream(lower, "60 A 192.0.2.1"), asked[12:])
    assert response.packet[12:].startswith(asked[12:])


@calm
@given(place=st.integers(0, 300), value=st.integers(0, 255))
def test_a_changed_byte_in_an_upstream_answer_does_no_harm(place: int, value: int) -> None:
    packet = query("www.example.org")
    said = bytearray(upstream(packet, "300 CNAME web.example.org.", "60 A 192.0.2.1", negative="900 30"))
    said[place % len(said)] = value
    try:
        response = wire.parse_response(bytes(said), packet[12:])
    except Malformed:
        return
    assert len(wire.aged(response, 7)) == len(response.packet)


@calm
@given(packet=st.binary(max_size=300))
def test_any_bytes_from_upstream_are_an_answer_or_malformed(packet: bytes) -> None:
    question = query("a")[12:]
    for head in (b"", struct.pack("!6H", 1, 0x8180, 1, 5, 5, 5) + question):
        try:
            wire.aged(wire.parse_response(head + packet, question), 1)
        except Malformed:
            continue


@pytest.mark.parametrize("body", [b"\xc0\x1d" * 3, b"\xc0\x0c\xc0", b"\x01a\xc0\xff"])
def test_pointers_that_lead_forwards_or_in_circles_are_malformed(body: bytes) -> None:
    question = query("a")[12:]
    with pytest.raises(Malformed):
        wire.parse_response(struct.pack("!6H", 1, 0x8180, 1, 1, 0, 0) + question + body, question)


def test_what_is_too_long_for_a_datagram_is_cut_to_its_question() -> None:
    packet = query("www.example.org")
    said = upstream(packet, *(f"60 A 192.0.2.{n}" for n in range(100)))
    cut = dns_message.from_wire(wire.shorten(said, wire.parse_query(packet)))
    assert cut.flags & dns_flags.TC
    assert (len(cut.answer), len(cut.question)) == (0, 1)


@calm
@given(address=st.ip_addresses())
def test_reverse_names_are_read_back(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert wire.reverse_address(address.reverse_pointer) == address.packed


@pytest.mark.parametrize("name", ["1.2.3.in-addr.arpa", "1.2.3.256.in-addr.arpa", "a.in-addr.arpa", "0.ip6.arpa", "x"])
def test_other_reverse_names_are_none(name: str) -> None:
    assert wire.reverse_address(name) is None


@calm
@given(labels=LABELS)
def test_names_are_written_as_dnspython_writes_them(labels: list[str]) -> None:
    name = ".".join(labels)
    assert wire.encode_name(name) == dns_name.from_text(name + ".").to_wire()


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_names_that_dns_cannot_carry_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="DNS"):
        wire.encode_name(name)
