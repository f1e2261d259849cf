"""First packets to many ports at once, and what becomes of each."""

import contextlib
import errno
import itertools
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.kernel.firewall_lab import SILENCE, Lab, Place, family_of
from tests.kernel.tunnel import Tunnel

from netwright.model.ports import Protocol

KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}


@dataclass(frozen=True, slots=True)
class Probe:
    """Who sends a first packet to which port."""

    sender: Place
    protocol: Protocol
    address: str
    port: int


class Probes:
    """Listeners that say where they are, and senders that hear it, are refused, or hear nothing.

    All of it is one loop, which carries what goes through the tunnel, too: silence is when nothing at all is under way.
    """

    def __init__(self, lab: Lab, ports: Sequence[int], tunnel: Tunnel) -> None:
        """Listen at these ports everywhere but on the host."""
        self._lab = lab
        self._poll = select.poll()
        self._ready: dict[int, Callable[[], None]] = {}
        # Each packet has a source port of its own: what connection tracking remembers of another decides nothing.
        self._sources = itertools.count(10_000)
        for descriptor in tunnel.ends:
            self._watch(descriptor, partial(tunnel.carry, descriptor))
        places = [place for place in lab.places if place is not lab.host]
        for place, port, kind in itertools.product(places, ports, KINDS.values()):
            listener = lab.listen(place, lab.anywhere, port, kind)
            listener.setblocking(False)
            answer = _greet if kind == socket.SOCK_STREAM else _echo
            text = f"{place.addresses[lab.version]} port {port}".encode()
            self._watch(listener.fileno(), partial(answer, listener, text))

    def outcomes(self, probes: Sequence[Probe]) -> list[str]:
        """Send all of them; return what becomes of each: `reached ADDRESS port PORT`, `refused` or `silent`."""
        found = ["silent"] * len(probes)
        with contextlib.ExitStack() as senders:
            for place, probe in enumerate(probes):
                client = senders.enter_context(self._send(probe))
                self._watch(client.fileno(), partial(self._hear, client, found, place))
                senders.callback(self._forget, client.fileno())
            while ready := self._poll.poll(SILENCE * 1000):
                for descriptor, _ in ready:
                    self._ready[descriptor]()
        return found

    def _watch(self, descriptor: int, act: Callable[[], None]) -> None:
        self._ready[descriptor] = act
        self._poll.register(descriptor, select.POLLIN)

    def _forget(self, descriptor: int) -> None:
        if self._ready.pop(descriptor, None):
            self._poll.unregister(descriptor)

    def _send(self, probe: Probe) -> socket.socket:
        with self._lab.inside(probe.sender):
            client = socket.socket(family_of(probe.address), KINDS[probe.protocol])
        client.setblocking(False)
        client.bind((self._lab.anywhere, next(self._sources)))
        client.connect_ex((probe.address, probe.port))
        if probe.protocol is Protocol.UDP:
            # What rules of the sender's own host refuse is said here at once; `recv` hears of it as well.
            with contextlib.suppress(PermissionError):
                client.send(b"?")
        return client

    def _hear(self, client: socket.socket, found: list[str], place: int) -> None:
        self._forget(client.fileno())
        try:
            found[place] = f"reached {client.recv(64).decode()}"
        except ConnectionRefusedError:
            found[place] = "refused"
        except OSError as error:
            # A neighbour that is not found is silence, too.
            if error.errno != errno.EHOSTUNREACH:
                raise


def _greet(listener: socket.socket, text: bytes) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            with listener.accept()[0] as served:
                served.send(text)


def _echo(listener: socket.socket, text: bytes) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.sendto(text, listener.recvfrom(16)[1])
