"""The keeper: a small process that holds what must outlive the engine.

It runs by itself (`python -I -S keeper.py`, standard library only, nothing of netwright) on a listening SEQPACKET
socket that it inherits as descriptor 0. It is given bound sockets with names and keeps them; where it is told to, it
relays: it accepts or receives on such a socket and carries the bytes to a container, without copying them through
itself where the kernel can splice. It ends by itself when it holds nothing and nobody is connected.

One message is one packet of JSON, answered by one packet of JSON:

    {"do": "put", "name": N} with a descriptor    hold it, in place of one of the same name
    {"do": "relay", "name": N, "to": [A, P]}      carry what arrives to address A, port P
    {"do": "drop", "name": N}                     close it and end its relay; connections that stand live on
    {"do": "list"}                                {"held": {name: target or null}}
"""

import array
import contextlib
import errno
import json
import os
import resource
import select
import socket
import struct
import time

PACKET = 1 << 16
CHUNK = 1 << 16
UDP_IDLE = 90.0
"""Seconds after which a silent sender of datagrams is forgotten, as docker-proxy does."""
UDP_SENDERS = 4096
"""How many senders one port is relayed for at once; the one that was silent longest gives way."""
IPV6_PKTINFO = 50
IPV6_RECVPKTINFO = 49
IP_PKTINFO = 8

BOTH = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Loop:
    """One thread's events: a descriptor and what to call when something happens to it."""

    def __init__(self):
        self.poll = select.epoll()
        self.handlers = {}

    def add(self, source, handler, events=select.EPOLLIN):
        self.handlers[source.fileno()] = handler
        self.poll.register(source.fileno(), events)

    def remove(self, source):
        if source.fileno() >= 0 and self.handlers.pop(source.fileno(), None) is not None:
            self.poll.unregister(source.fileno())

    def run(self, timeout):
        for descriptor, events in self.poll.poll(timeout):
            handler = self.handlers.get(descriptor)
            if handler is not None:
                handler(events)


class Flow:
    """One direction of a connection: bytes from a source through a pipe to a target."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        self.pipe_out, self.pipe_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.waiting = 0
        self.ended = False
        self.done = False

    def pump(self):
        """Move what can be moved; at the source's end pass the end on."""
        while not self.done:
            moved = self._fill() + self._drain()
            if self.ended and not self.waiting:
                self.done = True
                with contextlib.suppress(OSError):
                    self.target.shutdown(socket.SHUT_WR)
            if not moved:
                return

    def _fill(self):
        if self.ended or self.waiting >= CHUNK:
            return 0
        try:
            count = os.splice(self.source.fileno(), self.pipe_in, CHUNK - self.waiting, flags=2)
        except BlockingIOError:
            return 0
        if count == 0:
            self.ended = True
            return 1
        self.waiting += count
        return count

    def _drain(self):
        if not self.waiting:
            return 0
        try:
            count = os.splice(self.pipe_out, self.target.fileno(), self.waiting, flags=2)
        except BlockingIOError:
            return 0
        self.waiting -= count
        return count

    def close(self):
        os.close(self.pipe_in)
        os.close(self.pipe_out)


class Connection:
    """One TCP connection that is relayed."""

    def __init__(self, loop, client, family, target):
        self.loop, self.client = loop, client
        self.server = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.flows = []
        code = self.server.connect_ex(tuple(target))
        if code not in {0, errno.EINPROGRESS}:
            self.close()
            return
        loop.add(self.server, self.connected, select.EPOLLOUT)

    def connected(self, _):
        """Begin to carry, or give up where the container refuses."""
        self.loop.remove(self.server)
        if self.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            # The client shall see what it would have seen without us: a reset.
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close()
            return
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.flows = [Flow(self.client, self.server), Flow(self.server, self.client)]
        except OSError:
            self.close()
            return
        self.loop.add(self.client, self.pump, BOTH)
        self.loop.add(self.server, self.pump, BOTH)
        self.pump(0)

    def pump(self, _):
        """Carry both ways; close when both have ended or one has failed."""
        try:
            for flow in self.flows:
                flow.pump()
        except OSError:
            self.close()
            return
        if all(flow.done for flow in self.flows):
            self.close()

    def close(self):
        """Let go of everything."""
        for end in (self.client, self.server):
            self.loop.remove(end)
            end.close()
        for flow in self.flows:
            flow.close()
        self.flows = []


class TcpRelay:
    """Relays the connections to one port."""

    def __init__(self, loop, held, target):
        self.loop, self.held, self.target = loop, held, target
        self.family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        held.setblocking(False)
        # Without it no socket can listen beside connections in TIME_WAIT, and connections inherit it, so that theirs
        # will not stand in the way either. While this socket listens nobody else can bind to its port.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.listen(4096)
        loop.add(held, self.accept)

    def accept(self, _):
        """Take what has come."""
        for _ in range(64):
            try:
                client, _ = self.held.accept()
            except OSError:
                return
            client.setblocking(False)
            Connection(self.loop, client, self.family, self.target)

    def tick(self, now):
        """Nothing grows old here: TCP has its own timers."""

    def close(self):
        """Accept no more."""
        self.loop.remove(self.held)


class UdpRelay:
    """Relays the datagrams to one port: each sender gets a socket of its own towards the container."""

    def __init__(self, loop, held, target):
        self.loop, self.held, self.target = loop, held, tuple(target)
        self.family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self.senders = {}
        held.setblocking(False)
        if held.family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        else:
            held.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        loop.add(held, self.receive)

    def receive(self, _):
        """Pass on what has come."""
        for _ in range(64):
            try:
                data, ancillary, _, sender = self.held.recvmsg(PACKET, 256)
            except OSError:
                return
            key = (sender, self._reply_from(ancillary))
            server = self._server(key)
            if server is not None:
                with contextlib.suppress(OSError):
                    server.send(data)

    def _reply_from(self, ancillary):
        """Return the control message that makes an answer leave from the address that was asked."""
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                return (level, kind, b"\0\0\0\0" + data[4:8] + b"\0\0\0\0")
            if (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO):
                return (level, kind, bytes(data))
        return None

    def _server(self, key):
        known = self.senders.pop(key, None)
        if known is None:
            if len(self.senders) >= UDP_SENDERS:
                self._forget(next(iter(self.senders)))
            try:
                known = socket.socket(self.family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
                known.connect(self.target)
            except OSError:
                return None
            self.loop.add(known, lambda _, server=known, key=key: self.answer(server, key))
            known = [known, 0.0]
        known[1] = time.monotonic()
        # Put back last: the order of the senders is that of their last word.
        self.senders[key] = known
        return known[0]

    def answer(self, server, key):
        """Carry answers back."""
        sender, reply_from = key
        for _ in range(64):
            try:
                data = server.recv(PACKET)
            except OSError:
                return
            with contextlib.suppress(OSError):
                self.held.sendmsg([data], [reply_from] if reply_from else [], 0, sender)

    def _forget(self, key):
        server, _ = self.senders.pop(key)
        self.loop.remove(server)
        server.close()

    def tick(self, now):
        """Forget who has been silent for long."""
        for key in [key for key, (_, last) in self.senders.items() if now - last > UDP_IDLE]:
            self._forget(key)

    def close(self):
        """Forget everybody."""
        self.loop.remove(self.held)
        for key in list(self.senders):
            self._forget(key)


class Keeper:
    """What is held, and who may ask."""

    def __init__(self, listener):
        self.loop = Loop()
        self.listener = listener
        self.held = {}
        self.relays = {}
        self.clients = set()
        self.used = False
        listener.setblocking(False)
        self.loop.add(listener, self.accept)

    def run(self):
        """Serve until there is nothing to hold and nobody to serve."""
        while not self.used or self.clients or self.held:
            self.loop.run(10)
            now = time.monotonic()
            for relay in self.relays.values():
                relay.tick(now)

    def accept(self, _):
        """Take a client, if it is our own user."""
        client, _ = self.listener.accept()
        _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.geteuid():
            client.close()
            return
        self.used = True
        self.clients.add(client)
        self.loop.add(client, lambda _: self.serve(client))

    def serve(self, client):
        """Answer one message, or note that the client is gone."""
        descriptors = array.array("i")
        try:
            data, ancillary, _, _ = client.recvmsg(PACKET, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
        except OSError:
            data, ancillary = b"", []
        for level, kind, body in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(body[: len(body) - len(body) % 4])
        if not data:
            self.loop.remove(client)
            self.clients.discard(client)
            client.close()
            return
        try:
            answer = self.obey(json.loads(data), descriptors)
        except (OSError, ValueError, KeyError, TypeError) as error:
            answer = {"error": str(error)}
        with contextlib.suppress(OSError):
            client.send(json.dumps(answer).encode())

    def obey(self, request, descriptors):
        """Do what a message says."""
        name = request.get("name")
        if request["do"] == "put":
            self.drop(name)
            self.held[name] = socket.socket(fileno=descriptors.pop())
        elif request["do"] == "relay":
            held = self.held[name]
            self.end_relay(name)
            kind = UdpRelay if held.type == socket.SOCK_DGRAM else TcpRelay
            self.relays[name] = kind(self.loop, held, request["to"])
        elif request["do"] == "drop":
            self.drop(name)
        elif request["do"] == "list":
            targets = {name: self.relays[name].target if name in self.relays else None for name in self.held}
            return {"held": targets}
        else:
            return {"error": f"unknown request {request['do']!r}"}
        return {}

    def end_relay(self, name):
        """Stop relaying for a name."""
        relay = self.relays.pop(name, None)
        if relay is not None:
            relay.close()

    def drop(self, name):
        """Close what is held under a name."""
        self.end_relay(name)
        held = self.held.pop(name, None)
        if held is not None:
            held.close()


def main():
    """Hold and relay until there is nothing left to do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Keeper(socket.socket(fileno=0)).run()


if __name__ == "__main__":
    main()
