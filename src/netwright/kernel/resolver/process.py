"""The resolver's process: what it serves, and what its engine may ask of it."""

import errno
import gc
import os
import resource
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from netwright.dns.exchange import dump_explanation, load_members, load_networks, load_view
from netwright.dns.zone import Joined, View
from netwright.kernel.companion.conversation import Answer, Conversation
from netwright.kernel.companion.loop import Loop
from netwright.kernel.resolver import packets
from netwright.kernel.resolver.datagrams import Datagrams
from netwright.kernel.resolver.forward import Forwarder
from netwright.kernel.resolver.host import HostConfiguration
from netwright.kernel.resolver.service import Service
from netwright.kernel.resolver.station import Station
from netwright.kernel.resolver.streams import Streams
from netwright.kernel.resolver.timers import Timers

TICK = 10.0
"""Seconds between two looks for what has grown old."""

GARBAGE = 20_000
"""How many objects come, more than go, between two searches for such as keep each other alive."""

SHARE = 0.0005
"""Seconds for which one thread goes on where another could."""

OK: Answer = ("ok", ())


class Resolver:
    """Serves one engine at a time, and all sandboxes whether there is an engine or not."""

    def __init__(self, listener: socket.socket, engine: socket.socket, limit: int, home: int) -> None:
        self._loop = Loop(limit)
        self._timers = Timers()
        self._forwarder = Forwarder(self._loop, self._timers, home)
        self._service = Service(HostConfiguration(), self._forwarder)
        self._datagrams = Datagrams(self._service.datagram, self._service.shortcuts, self._catch_up)
        self._streams = Streams(self._loop, self._service, self._catch_up)
        self._ahead: dict[str, tuple[Joined, ...]] = {}
        self._complained = 0.0
        self._verbs: dict[str, Callable[[list[str], str, list[int]], Answer]] = {
            "open": self._open,
            "view": self._view,
            "ahead": self._take_ahead,
            "close": self._close,
            "add": self._add,
            "remove": self._remove,
            "begin": self._begin,
            "commit": self._commit,
            "list": self._list,
            "get": self._get,
            "retire": self._retire,
            "counts": self._counts,
            "explain": self._explain,
            "listen": self._listen,
            "board": self._board,
        }
        self._conversation = Conversation(self._loop, listener, engine, packets.VERSION, self._handle)

    def _catch_up(self) -> None:
        self._conversation.catch_up()

    def run(self) -> None:
        """Serve until there is no sandbox, nothing under way, and nobody connected who could change that."""
        due = 0.0
        while self._conversation.has_engine or self._service.has_sandboxes or not self._forwarder.idle:
            self._turn()
            now = time.monotonic()
            if now >= due:
                due = now + TICK
                self._streams.tick(now)
                self._forwarder.lines.tick(now)
                self._service.tick()

    def _turn(self) -> None:
        """Handle what happens next. Nothing that comes in may end this process: a fault is said, and passed over."""
        try:
            self._loop.turn(self._timers.wait(TICK))
            self._timers.run()
            self._forwarder.lines.send()
            self._service.late.send()
        except Exception:
            if time.monotonic() - self._complained > TICK:
                self._complained = time.monotonic()
                traceback.print_exc(file=sys.stderr)
                sys.stderr.flush()

    def _handle(self, words: list[str], body: str, descriptors: list[int]) -> Answer:
        verb, *arguments = words
        if verb not in self._verbs:
            raise OSError(errno.ENOSYS, f"unknown verb {verb!r}")
        return self._verbs[verb](arguments, body, descriptors)

    def _open(self, arguments: list[str], body: str, descriptors: list[int]) -> Answer:
        (key,) = arguments
        view = self._whole(key, body)
        if len(descriptors) not in {3, 5}:
            # The kernel leaves descriptors out where the receiver has no number for them.
            raise OSError(errno.EMFILE, "the resolver has no room for more sandboxes (ulimit -n)")
        self._leave(key)
        station = Station(key, view, descriptors.copy())
        descriptors.clear()
        self._service.open(station)
        if self._service.is_filling and not self._service.knows:
            # It comes from another resolver, and what it is to be told is still to come: its queries wait.
            return OK
        self._watch(station)
        return OK

    def _watch(self, station: Station) -> None:
        self._loop.watch(station.datagrams, lambda _: self._datagrams.serve(station))
        self._loop.watch(station.streams, lambda _: self._streams.accept(station))

    def _view(self, arguments: list[str], body: str, _: list[int]) -> Answer:
        (key,) = arguments
        self._service.see(key, self._whole(key, body))
        return OK

    def _take_ahead(self, arguments: list[str], body: str, _: list[int]) -> Answer:
        (key,) = arguments
        self._ahead[key] = (*self._ahead.get(key, ()), *load_networks(body))
        return OK

    def _whole(self, key: str, body: str) -> View:
        view = load_view(body)
        return replace(view, networks=(*self._ahead.pop(key, ()), *view.networks))

    def _close(self, arguments: list[str], _: str, __: list[int]) -> Answer:
        (key,) = arguments
        self._leave(key)
        return OK

    def _leave(self, key: str) -> None:
        station = self._service.stations.get(key)
        if station is None:
            return
        self._loop.unwatch(station.datagrams)
        self._loop.unwatch(station.streams)
        self._streams.leave(station)
        self._service.late.send()
        self._service.close(station)
        # At once: the engine is about to let the namespace go.
        station.close()

    def _add(self, _: list[str], body: str, __: list[int]) -> Answer:
        for member in load_members(body):
            self._service.add(member)
        return OK

    def _remove(self, arguments: list[str], _: str, __: list[int]) -> Answer:
        network, endpoint = arguments
        self._service.remove(network, endpoint)
        return OK

    def _begin(self, _: list[str], __: str, ___: list[int]) -> Answer:
        # What another engine was about to say, and did not, is for nobody.
        self._ahead.clear()
        self._service.begin()
        return OK

    def _commit(self, _: list[str], __: str, ___: list[int]) -> Answer:
        self._service.commit()
        for station in self._service.stations.values():
            self._watch(station)
        return OK

    def _list(self, arguments: list[str], _: str, __: list[int]) -> Answer:
        (first,) = map(int, arguments)
        return "\n".join(["ok", *islice(self._service.stations, first, first + packets.PAGE)]), ()

    def _get(self, arguments: list[str], _: str, __: list[int]) -> Answer:
        (key,) = arguments
        if key not in self._service.stations:
            raise OSError(errno.ENOENT, f"no sandbox {key} is served")
        return "ok", self._service.stations[key].descriptors()

    def _retire(self, _: list[str], __: str, ___: list[int]) -> Answer:
        """Stop receiving. What is with upstream servers is still answered, since the sockets stay open until then."""
        for station in list(self._service.stations.values()):
            self._loop.unwatch(station.datagrams)
            self._loop.unwatch(station.streams)
        self._service.retire()
        return OK

    def _counts(self, arguments: list[str], _: str, __: list[int]) -> Answer:
        (first,) = map(int, arguments)
        stations = islice(self._service.stations.items(), first, first + packets.PAGE)
        return "\n".join(["ok", *(f"{key} {station.figures()}" for key, station in stations)]), ()

    def _explain(self, arguments: list[str], body: str, _: list[int]) -> Answer:
        (key,) = arguments
        name, kind = body.split("\n")
        if key not in self._service.stations:
            raise OSError(errno.ENOENT, f"no sandbox {key} is served")
        return "ok\n" + dump_explanation(self._service.explain(key, name, kind)), ()

    def _listen(self, _: list[str], __: str, descriptors: list[int]) -> Answer:
        self._service.notices.lead_to(descriptors.pop())
        return OK

    def _board(self, _: list[str], __: str, ___: list[int]) -> Answer:
        page = self._service.shortcuts.share()
        return "ok", () if page is None else (page,)


def main() -> None:
    """Become nobody's child, then serve until there is nothing left to do."""
    if os.fork():
        os._exit(0)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    # What is loaded stays, and of what comes nearly all goes by itself: searching for circles can wait for long.
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)
    # A thread that reads the kernel's types (`shortcuts`) is not to keep queries waiting for long.
    sys.setswitchinterval(SHARE)
    Resolver(socket.socket(fileno=0), socket.socket(fileno=1), hard, home).run()
