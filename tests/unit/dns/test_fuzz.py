"""Broken messages by the thousand: whatever comes, it is read or malformed, and what is said to it is a message.

`NETWRIGHT_FUZZ=1000000` in the environment makes that many of each kind instead of a few; that needs `--timeout=0`.
"""

import os
import random
import struct
from collections.abc import Callable

import pytest

from netwright.dns import local, wire
from netwright.dns.local import Elsewhere, Local
from netwright.dns.wire import Malformed, Query
from netwright.dns.zone import Joined, Member, View, Zone

dns_message = pytest.importorskip("dns.message")

INPUTS = int(os.environ.get("NETWRIGHT_FUZZ", "10000"))
VIEW = View(networks=(Joined(id="1", name="one", links={"Link": "web"}),), host=(bytes(4),))
HELD_AGAINST = 10
"""Each how many inputs that are read are shown to dnspython as well, which takes ten times as long."""


def zone() -> Zone:
    made = Zone()
    made.add(Member(network="1", endpoint="e", names=("web", "*.app"), addresses=(bytes((10, 0, 0, 1)), bytes(16))))
    return made


def name(dice: random.Random) -> bytes:
    """Return a name, now and then one that is none: with pointers, too long, unended, of odd labels."""
    labels = bytearray()
    for _ in range(dice.choice((0, 1, 1, 2, 3, 3, 9, 60))):
        label = dice.choice(
            (b"web", b"one", b"app", b"Link", b"in-addr", b"arpa", b"10", dice.randbytes(dice.randrange(64)))
        )
        labels += bytes((len(label) if dice.random() < 0.98 else dice.randrange(256),)) + label
    end = dice.choice((b"\0",) * 8 + (b"", b"\xc0\x0c", b"\xc0" + dice.randbytes(1), b"\xff\xff"))
    return bytes(labels) + end


def record(dice: random.Random) -> bytes:
    kind = dice.choice((1, 2, 5, 6, 12, 28, 41, 41, dice.randrange(65536)))
    data = dice.randbytes(dice.choice((0, 4, 16, 20, 22)))
    size = len(data) if dice.random() < 0.9 else dice.randrange(65536)
    owner = dice.choice((b"\0", b"\xc0\x0c", name(dice)))
    return owner + struct.pack("!HHIH", kind, dice.choice((1, 1232, 65535)), dice.getrandbits(32), size) + data


def message(dice: random.Random, flags: int) -> bytes:
    """Return something like a message; a part of it may be cut off, changed or added."""
    records = [record(dice) for _ in range(dice.choice((0, 0, 1, 2, 5)))]
    sections = [0, 0, 0]
    for _ in records:
        sections[dice.randrange(3)] += 1
    if dice.random() < 0.1:
        sections[dice.randrange(3)] = dice.randrange(65536)
    questions = 1 if dice.random() < 0.95 else dice.randrange(4)
    head = struct.pack("!6H", dice.randrange(65536), flags, questions, *sections)
    kind = struct.pack("!HH", dice.choice((1, 28, 12, 15, 65, dice.randrange(65536))), dice.choice((1, 1, 1, 3)))
    packet = bytearray(head + name(dice) + kind + b"".join(records))
    if dice.random() < 0.3:
        packet[dice.randrange(len(packet))] = dice.randrange(256)
    if dice.random() < 0.2:
        del packet[dice.randrange(len(packet)) :]
    return bytes(packet + (dice.randbytes(dice.randrange(9)) if dice.random() < 0.1 else b""))


def each(kind: str, act: Callable[[random.Random], bool]) -> int:
    """Call something with dice of their own for each input; return how often it was true."""
    return sum(act(random.Random(f"{kind} {number}")) for number in range(INPUTS))


def test_queries_are_answered_or_refused_whatever_they_are() -> None:
    made, seen = zone(), 0

    def one(dice: random.Random) -> bool:
        nonlocal seen
        packet = message(dice, dice.choice((0x0100, 0x0100, 0, 0x0110, dice.randrange(65536))))
        try:
            query = wire.parse_query(packet)
        except Malformed as error:
            refusal = wire.refuse(packet, error.rcode)
            assert refusal is None or (refusal[:2] == packet[:2] and len(refusal) in {12, 23})
            return False
        for answer in answers(made, query):
            assert len(answer) <= query.size
            seen += 1
            if seen % HELD_AGAINST == 0:
                said = dns_message.from_wire(answer)
                assert (said.id, len(said.question)) == (query.id, 1)
                assert answer[wire.HEADER :].startswith(query.question)
        return True

    assert each("query", one) > INPUTS // 20


def answers(made: Zone, query: Query) -> list[bytes]:
    match local.decide(made, VIEW, query, upstream=True):
        case Local() as found:
            return local.answers(found, query, 5, datagram=True)
        case Elsewhere():
            return [wire.respond(query, (), 0, rcode=wire.SERVFAIL, limit=query.size)]


def test_answers_of_servers_are_read_or_passed_over_whatever_they_are() -> None:
    def one(dice: random.Random) -> bool:
        packet = message(dice, dice.choice((0x8180, 0x8180, 0x8183, 0x8380, dice.randrange(65536))))
        place = packet.find(b"\0", wire.HEADER)
        question = packet[wire.HEADER : place + 5] if place > 0 else b"\0\0\1\0\1"
        try:
            response = wire.parse_response(packet, question)
        except Malformed:
            return False
        assert len(wire.aged(response, dice.randrange(1 << 33))) == len(packet)
        query = Query(0, 0, "", 1, 1, question)
        assert len(wire.shorten(response.packet, query)) <= max(query.size, wire.HEADER + len(question))
        return True

    assert each("answer", one) > INPUTS // 20
