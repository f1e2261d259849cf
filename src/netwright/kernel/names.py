"""Names in sandboxes: the engine's side of the resolver.

The engine makes the sockets inside the namespace and has the kernel lead port 53 to them; the resolver answers on them
through any restart of the engine. What was told to the resolver is kept here as well, so that one that dies is replaced
by another that knows as much.
"""

import errno
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from netwright.dns.explain import Explanation
from netwright.dns.zone import Member, View, Zone
from netwright.errors import OperationFailed
from netwright.host import ops
from netwright.host.queries import NameCounts
from netwright.kernel import bpf, netns, redirect
from netwright.kernel.companion.tending import Tending
from netwright.kernel.nft import Nft
from netwright.kernel.resolver.client import ResolverClient, adding, removing, seeing
from netwright.model.listener import Listener, is_host

_BACKLOG = 256
_QUEUE = 1 << 21
"""Bytes of queries that may wait for the resolver, which is a second of them while it is being replaced."""
_SO_RCVBUFFORCE = 33
_IP_FREEBIND = 15
"""For sockets of both families."""

_NAT = """\
add table ip netwright-dns
delete table ip netwright-dns
table ip netwright-dns {{
    comment "names: led to the resolver's sockets by translation, because this kernel has no sk_lookup"
    chain output {{
        type nat hook output priority -100; policy accept;
        ip daddr {address} udp dport {port} dnat to {address}:{datagrams}
        ip daddr {address} tcp dport {port} dnat to {address}:{streams}
    }}
}}
"""

log = logging.getLogger(__name__)


class Names(Tending[ResolverClient]):
    """The sandboxes that are served, and what they see. Blocks; for worker threads, any of them.

    Sandboxes are named by the paths of their namespaces. All methods raise OperationFailed.
    """

    LOSS = "names may no longer be answered"

    def __init__(self, exec_root: str) -> None:
        super().__init__(ResolverClient, exec_root)
        self._zone = Zone()
        """What the resolver knows; its views are keyed by path."""
        self._served: dict[str, int] = {}
        """The namespaces that the resolver is known to answer in, by path: their inodes, which it keeps from going."""

    def open_host(self, place: str, view: View) -> None:
        """Answer the host itself at a place; where that is done already, by the same sockets. For a thread at home."""
        with self._lock:
            # A resolver that was begun with this place among what it is told has it: it cannot be had twice.
            if self._ask(lambda resolver: _key(place) in resolver.served()):
                self._ask(lambda resolver: _see(resolver, place, view))
            else:
                with _host_sockets(place) as descriptors:
                    self._ask(lambda resolver: resolver.open(_key(place), view, descriptors))
            self._zone.views[place] = view

    def open(self, path: str, view: View, *, namespace: int, home: int) -> None:
        """Answer port 53 in a namespace; where that is done already, by the same sockets from now on otherwise."""
        with self._lock:
            if self._served.get(path) == os.fstat(namespace).st_ino:
                self._ask(lambda resolver: _see(resolver, path, view))
            else:
                self._ask(lambda resolver: self._open(resolver, path, view, namespace, home))
            self._zone.views[path] = view

    def _open(self, resolver: ResolverClient, path: str, view: View, namespace: int, home: int) -> None:
        with sockets(namespace, home) as descriptors:
            resolver.open(_key(path), view, descriptors)
        self._served[path] = os.fstat(namespace).st_ino

    def close(self, path: str) -> None:
        """Answer in a namespace no more; content where nobody does."""
        with self._lock:
            self._zone.views.pop(path, None)
            self._served.pop(path, None)
            if self._connect():
                self._ask(lambda resolver: resolver.shut(_key(path)))

    def change(self, run: Sequence[ops.Op]) -> None:
        """Carry out operations of `CHANGES`. The resolver is told, and not waited for: it hears before it answers."""
        with self._lock:
            if self._connect() or not all(isinstance(op, ops.WithdrawNames) for op in run):
                self._ask(lambda resolver: _change(resolver, run))
            for op in run:
                self._note(op)

    def _note(self, op: ops.Op) -> None:
        """Know what the resolver knows."""
        match op:
            case ops.PublishNames():
                self._zone.add(op.member)
            case ops.WithdrawNames():
                self._zone.remove(op.member.network, op.member.endpoint)
            case ops.SetNameView():
                self._zone.views[op.netns] = op.view

    def replace(self, members: Sequence[Member], views: Mapping[str, View]) -> None:
        """Publish these endpoints and no others, and let each sandbox see what it should, all at one moment."""
        zone = Zone()
        for member in members:
            zone.add(member)
        zone.views.update(views)
        with self._lock:
            self._zone = zone
            if members or views or self._connect():
                self._ask(lambda resolver: _tell(resolver, zone))

    def served(self, directory: str) -> tuple[str, ...]:
        """Return the paths, in the directory of namespaces, at which port 53 is answered, and the host's place."""
        with self._lock:
            if not self._connect():
                return ()
            keys = self._ask(ResolverClient.served)
            paths = tuple(key if is_host(key) else f"{directory}/{key}" for key in keys)
            for path in self._served.keys() - set(paths):
                del self._served[path]
            return paths

    def explain(self, path: str, name: str, kind: str) -> Explanation:
        """Return what a sandbox would be answered, and why."""
        with self._lock:
            return self._ask(lambda resolver: resolver.explain(_key(path), name, kind))

    def counts(self, directory: str) -> tuple[NameCounts, ...]:
        """Return what has happened in each sandbox, by the path of its namespace."""
        with self._lock:
            if not self._connect():
                return ()
            lines = self._ask(ResolverClient.counts)
            return tuple(_counts(line, directory) for line in lines if not is_host(line))

    def _take_over(self, old: ResolverClient) -> ResolverClient:
        """Have a resolver of another version hand everything to a new one.

        The sockets stay the same, so what arrives in between waits in them. The new one knows no name yet: it is told
        all of them by `replace`, which the start of an engine calls, and answers from then on.
        """
        new: ResolverClient | None = None
        copies = {key: old.get(key) for key in old.served()}
        try:
            old.retire()
            old.close()
            new = ResolverClient.start(self._directory)
            new.begin()
            for key, descriptors in copies.items():
                new.open(key, View(), descriptors)
        finally:
            for descriptors in copies.values():
                for descriptor in descriptors:
                    os.close(descriptor)
        return new

    def _fill(self, new: ResolverClient) -> None:
        self._served.clear()
        _tell(new, self._zone)
        for path, view in self._zone.views.items():
            try:
                self._open_again(new, path, view)
            except OperationFailed as failure:
                log.error("names are no longer answered in %s: %s", path, failure)

    def _open_again(self, resolver: ResolverClient, path: str, view: View) -> None:
        """Make the sockets of a sandbox or the host anew and have them served. Called in a thread that is at home."""
        with ExitStack() as closing:
            if is_host(path):
                resolver.open(_key(path), view, closing.enter_context(_host_sockets(path)))
                return
            home = netns.current()
            closing.callback(os.close, home)
            namespace = netns.open_pinned(path)
            closing.callback(os.close, namespace)
            self._open(resolver, path, view, namespace, home)

    def _probe(self, companion: ResolverClient) -> object:
        return companion.served()

    def _listen(self, companion: ResolverClient) -> int:
        heard, said = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            companion.listen(said)
        finally:
            os.close(said)
        companion.share_board()
        return heard


def _counts(line: str, directory: str) -> NameCounts:
    key, queries, in_kernel, forwards, cached, failures, refused, malformed, seconds = line.split(" ")
    return NameCounts(
        netns=f"{directory}/{key}",
        queries=int(queries),
        in_kernel=int(in_kernel),
        forwards=int(forwards),
        cached=int(cached),
        failures=int(failures),
        refused=int(refused),
        malformed=int(malformed),
        seconds=float(seconds),
    )


CHANGES = (ops.PublishNames, ops.WithdrawNames, ops.SetNameView)
"""What is told to a resolver, and never refused by one that serves the sandbox."""


def _change(resolver: ResolverClient, run: Sequence[ops.Op]) -> None:
    for op in run:
        if isinstance(op, ops.SetNameView):
            resolver.prepare(_key(op.netns), op.view)
    resolver.change(list(map(_request, run)))


def _see(resolver: ResolverClient, path: str, view: View) -> None:
    resolver.prepare(_key(path), view)
    resolver.change([seeing(_key(path), view)])


def _request(op: ops.Op) -> str:
    """Return what tells a resolver of a change."""
    match op:
        case ops.PublishNames():
            return adding([op.member])
        case ops.WithdrawNames():
            return removing(op.member.network, op.member.endpoint)
        case ops.SetNameView():
            return seeing(_key(op.netns), op.view)
    raise TypeError(f"{op!r} is no change of names")


def _key(path: str) -> str:
    """Return what the resolver calls a sandbox: the name of its namespace, which has no spaces."""
    return path.rpartition("/")[2]


def _tell(resolver: ResolverClient, zone: Zone) -> None:
    resolver.begin()
    resolver.add(list(zone.members()))
    for path, view in zone.views.items():
        resolver.view(_key(path), view)
    resolver.commit()


@contextmanager
def _host_sockets(place: str) -> Iterator[list[int]]:
    """Yield the same for the host, where nobody else has the port. Called in a thread that is at home."""
    listener = Listener.of_place(place)
    assert listener is not None
    where = (str(listener.address), listener.port)
    family = socket.AF_INET if listener.address.version == 4 else socket.AF_INET6
    with ExitStack() as closing:
        try:
            namespace = netns.current()
            closing.callback(os.close, namespace)
            datagrams, streams = (
                closing.enter_context(socket.socket(family, kind | socket.SOCK_CLOEXEC))
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
            )
            try:
                datagrams.bind(where)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                # At boot an address may not be there yet; one of IPv6 is tried out for a second or two before it is.
                log.warning("the host has no address %s: names are answered there as soon as it has", listener.address)
                for end in (datagrams, streams):
                    end.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
                datagrams.bind(where)
            streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            streams.bind(where)
            streams.listen(_BACKLOG)
        except OSError as error:
            raise OperationFailed(
                f"names of containers cannot be answered for the host at {listener}: {error.strerror} (--host-names "
                "says where they are: an address of this host whose port nobody else has)",
                errno=error.errno,
            ) from error
        yield [namespace, datagrams.fileno(), streams.fileno()]


@contextmanager
def sockets(namespace: int, home: int) -> Iterator[list[int]]:
    """Yield what the resolver is given of a sandbox; all of it is closed again here afterwards.

    In that order: the namespace, a datagram socket, a listening socket, and where the kernel can lead port 53 to them
    by a program, a raw socket and the link of that program. Elsewhere rules in the sandbox do it.
    """
    with ExitStack() as closing:
        try:
            with netns.visit(namespace, home):
                datagrams = closing.enter_context(
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                )
                streams = closing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
                raw = closing.enter_context(
                    socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
                )
            _prepare(datagrams, streams)
        except OSError as error:
            raise OperationFailed(f"a socket for names cannot be made: {error.strerror}", errno=error.errno) from error
        given = [namespace, datagrams.fileno(), streams.fileno()]
        try:
            link = redirect.attach(namespace, datagrams, streams)
        except bpf.Unsupported as lack:
            log.debug("names are led to the resolver by rules: %s", lack)
            _translate(namespace, home, datagrams.getsockname()[1], streams.getsockname()[1])
        else:
            closing.callback(os.close, link)
            given += [raw.fileno(), link]
        yield given


def _prepare(datagrams: socket.socket, streams: socket.socket) -> None:
    datagrams.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE)
    datagrams.bind((redirect.ADDRESS, 0))
    # Connections that are led here have local port 53, and what is left of them in TIME_WAIT inherits this option:
    # without it no server in the container could bind to TCP port 53 for a minute after a query.
    streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    streams.bind((redirect.ADDRESS, 0))
    streams.listen(_BACKLOG)


def _translate(namespace: int, home: int, datagrams: int, streams: int) -> None:
    with netns.visit(namespace, home):
        nft = Nft()
    nft.run(_NAT.format(address=redirect.ADDRESS, port=redirect.PORT, datagrams=datagrams, streams=streams))
