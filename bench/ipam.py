"""Whether IPAM slows as it fills: 65,000 addresses of one subnet, and subnets for thousands of networks.

    .venv/bin/python bench/ipam.py [--networks N] [--seed N]

Everything is pure computation in this process: no root, no network, no other program. Each row compares the first
thousand of its operations with the last thousand, in one run: 1.0 is no slowing at all. Times are those of the
processor, and of the quickest chunk of a hundred in three rounds: what else the machine does can only make them longer.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from figures import Figure, Target, exit_code, show

from netwright.ipam.addresses import AddressSpace
from netwright.ipam.subnets import DEFAULT_SOURCES, SubnetSpace, unique_local_source
from netwright.model.addressing import IPAddress, IPNetwork

CHUNK = 100
ENDS = 1000
SUBNET = IPv4Network("10.0.0.0/16")
ADDRESSES = 65_000
ROUNDS = 3
TARGET = Target("at most", 1.3)


@dataclass(frozen=True)
class Row:
    """One kind of operation, carried out many times: how long a hundred of them took, chunk by chunk."""

    what: str
    chunks: Sequence[float]

    @property
    def first(self) -> float:
        """Microseconds of one operation among the first thousand."""
        return min(self.chunks[: ENDS // CHUNK]) / CHUNK * 1e6

    @property
    def last(self) -> float:
        """Microseconds of one operation among the last thousand."""
        return min(self.chunks[-ENDS // CHUNK :]) / CHUNK * 1e6


def quickest(same: Sequence[Row]) -> Row:
    """Return a row of the quickest of each chunk in several rounds."""
    return Row(same[0].what, [min(chunks) for chunks in zip(*(row.chunks for row in same), strict=True)])


def timed(what: str, operations: Iterable[Callable[[], object]]) -> Row:
    """Carry operations out, and time them by the hundred."""
    waiting = list(operations)
    chunks = []
    for place in range(0, len(waiting) - CHUNK + 1, CHUNK):
        begin = time.thread_time()
        for operation in waiting[place : place + CHUNK]:
            operation()
        chunks.append(time.thread_time() - begin)
    return Row(what, chunks)


def addresses(chance: random.Random) -> list[Row]:
    """Fill a /16, empty it and fill it again: in order, in any order, and by addresses asked for one by one."""
    space = AddressSpace(SUBNET)
    taken: list[IPAddress] = []

    def take_any() -> None:
        address = space.take_any("bench")
        if address is None:
            raise RuntimeError(f"{SUBNET} is full after {len(taken)} addresses")
        taken.append(address)

    rows = [timed("address: any, into an empty /16", [take_any] * ADDRESSES)]
    chance.shuffle(taken)
    rows.append(timed("address: give back, in any order", [lambda a=a: space.release(a) for a in taken]))  # type: ignore[misc]
    taken.clear()
    rows.append(timed("address: any, of those that rested", [take_any] * ADDRESSES))
    rows.append(timed("address: give back and take, nearly full", [lambda: _exchange(space, taken, chance)] * 20_000))
    space = AddressSpace(SUBNET)
    wanted = list(SUBNET.hosts())[:ADDRESSES]
    chance.shuffle(wanted)
    rows.append(timed("address: asked for, in any order", [lambda a=a: space.take(a, "bench") for a in wanted]))  # type: ignore[misc]
    if space.taken != ADDRESSES + 2:
        raise RuntimeError(f"{space.taken} addresses are taken")
    return rows


def _exchange(space: AddressSpace, taken: list[IPAddress], chance: random.Random) -> None:
    place = chance.randrange(len(taken))
    space.release(taken[place])
    address = space.take_any("bench")
    if address is None:
        raise RuntimeError("the address that was given back is not free")
    taken[place] = address


def subnets(networks: int, chance: random.Random) -> list[Row]:
    """Choose subnets for many networks, give them back in any order, and choose again into the holes."""
    space = SubnetSpace([*DEFAULT_SOURCES, unique_local_source("bench")])
    routes = [ip_network("192.168.1.0/24"), ip_network("10.64.7.0/24"), ip_network("10.0.0.53/32")]
    rows = []
    for version in (4, 6):
        held: list[IPNetwork] = []

        def choose(version: int = version, held: list[IPNetwork] = held) -> None:
            held.append(space.choose(version, 0, routes, "bench"))

        rows.append(timed(f"subnet: first free, IPv{version}", [choose] * networks))
        chance.shuffle(held)
        gone, held[:] = held[::2], held[1::2]
        rows.append(timed(f"subnet: give back every other, IPv{version}", [lambda n=n: space.let_go(n) for n in gone]))  # type: ignore[misc]
        rows.append(timed(f"subnet: first free among holes, IPv{version}", [choose] * len(gone)))
        if len(set(held)) != networks:
            raise RuntimeError("a subnet was given twice")
    return rows


def measure(networks: int, seed: int) -> list[Figure]:
    """Measure and print."""
    chance = random.Random(seed)  # the same orders in every run
    rounds = [[*addresses(chance), *subnets(networks, chance)] for _ in range(ROUNDS)]
    rows = [quickest(same) for same in zip(*rounds, strict=True)]
    found = [Figure(f"{row.what} ({len(row.chunks) * CHUNK:,}), us", row.last, row.first, TARGET) for row in rows]
    show("address management as it fills", found, "last 1000", "first 1000")
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=10_000, help="how many get subnets (default 10,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the orders in which things are given back")
    arguments = parser.parse_args()
    if not 2 * ENDS <= arguments.networks <= 16_000:
        parser.error("--networks must be from 2,000 to 16,000: the default pools have little more")
    return exit_code(measure(arguments.networks, arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
