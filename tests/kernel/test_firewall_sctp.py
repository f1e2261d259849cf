"""SCTP through published ports, in both backends and both families: first packets, made by hand, for any kernel.

To bind a port a kernel needs SCTP itself; to track, translate and filter it needs nothing but netfilter.
"""

import select
import socket
import struct
from collections.abc import Iterator

import pytest
from tests.kernel.firewall_lab import FARAWAY, PATIENCE, SILENCE, WAYS, Lab, Place, lab_of, way_name

from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

_SCTP = 132
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host on which port 3868 leads to that of web by SCTP, and 3900 to 3909 to those of db."""
    made = lab_of(request.param)
    ports = [
        made.web.publish(made.anywhere, 8080, 3868, protocol=Protocol.SCTP),
        made.db.publish(made.anywhere, 3900, 3900, count=10, protocol=Protocol.SCTP),
        made.web.publish(made.anywhere, 8081, 3868, protocol=Protocol.SCTP),
    ]
    only_far = made.web.limit(made.anywhere, 8081, FARAWAY[made.version], protocol=Protocol.SCTP)
    made.install([*made.intents(), *ports, only_far])
    yield made
    made.close()


def crc32c(data: bytes) -> int:
    """Return the checksum of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def init(port: int) -> bytes:
    """Return an SCTP packet that asks for an association with a port."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)
    unsigned = struct.pack("!HHII", 40000, port, 0, 0) + chunk
    return unsigned[:8] + struct.pack("<I", crc32c(unsigned)) + unsigned[12:]


def arrives_at(lab: Lab, sender: Place, address: str, port: int, *, within: float) -> dict[str, int]:
    """Send a first packet, and return at which container it arrives, and at which port of it."""
    family = _FAMILIES[lab.version]
    ears: dict[int, tuple[str, socket.socket]] = {}
    poll = select.poll()
    for name in ("web", "db"):
        with lab.inside(lab.containers[name]):
            ear = socket.socket(family, socket.SOCK_RAW, _SCTP)
        ears[ear.fileno()] = name, ear
        poll.register(ear, select.POLLIN)
    with lab.inside(sender), socket.socket(family, socket.SOCK_RAW, _SCTP) as mouth:
        mouth.sendto(init(port), (address, 0))
    found = {}
    for descriptor, _ in poll.poll(within * 1000):
        name, ear = ears[descriptor]
        packet = ear.recv(2048)
        body = packet[20:] if lab.version == 4 else packet
        found[name] = int(struct.unpack("!H", body[2:4])[0])
    for _, ear in ears.values():
        ear.close()
    return found


@pytest.mark.parametrize(("port", "inner", "name"), [(8080, 3868, "web"), (3900, 3900, "db"), (3907, 3907, "db")])
def test_an_association_is_asked_for_at_the_containers_port(lab: Lab, port: int, inner: int, name: str) -> None:
    assert arrives_at(lab, lab.outside, lab.wan, port, within=PATIENCE) == {name: inner}


def test_ports_that_are_not_published_are_closed(lab: Lab) -> None:
    assert arrives_at(lab, lab.outside, lab.web.addresses[lab.version], 3868, within=SILENCE) == {}
    assert arrives_at(lab, lab.outside, lab.wan, 3868, within=SILENCE) == {}


def test_only_those_who_may_are_let_in(lab: Lab) -> None:
    assert arrives_at(lab, lab.outside, lab.wan, 8081, within=SILENCE) == {}
    assert arrives_at(lab, lab.faraway, lab.wan, 8081, within=PATIENCE) == {"web": 3868}
