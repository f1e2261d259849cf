"""Traffic that notices every loss: runs until its input is closed, then prints what became of each flow as JSON.

    load_client.py '[["stream", "192.0.2.1", 8080], ["connect", "192.0.2.1", 8080], ["ping", "172.17.0.2", 0]]'

A stream is one connection on which numbers go forth and come back; `connect` makes a new connection each time; `ping`
is ICMP. It prints a line once every flow has had its first answer.
"""

import asyncio
import json
import socket
import struct
import sys
import time
from dataclasses import dataclass, field

INTERVAL = 0.02
PATIENCE = 20.0
GRACE = 2.0


@dataclass
class Flow:
    """One flow and what has become of it."""

    kind: str
    host: str
    port: int
    sent: int = 0
    lost: int = 0
    worst: float = 0.0
    error: str = ""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, seconds: float) -> None:
        """Note an answer."""
        self.worst = max(self.worst, seconds)
        self.begun.set()

    def failed(self, error: BaseException) -> None:
        """Note that something was lost."""
        self.lost += 1
        self.error = f"{type(error).__name__}: {error}"
        self.begun.set()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: Flow) -> None:
    """Send a number and wait until it is back."""
    flow.sent += 1
    begin = time.perf_counter()
    wanted = struct.pack("!Q", flow.sent)
    writer.write(wanted)
    async with asyncio.timeout(PATIENCE):
        got = await reader.readexactly(8)
    if got != wanted:
        raise ValueError(f"{got!r} came back for {wanted!r}")
    flow.answered(time.perf_counter() - begin)


async def stream(flow: Flow) -> None:
    """Keep one connection busy."""
    reader, writer = await asyncio.open_connection(flow.host, flow.port)
    while True:
        await echo(reader, writer, flow)
        await asyncio.sleep(INTERVAL)


async def connect(flow: Flow) -> None:
    """Make one connection after the other."""
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(flow.host, flow.port)
            await echo(reader, writer, flow)
            writer.close()
        except (OSError, TimeoutError, ValueError, EOFError) as error:
            flow.failed(error)
        await asyncio.sleep(INTERVAL)


async def ping(flow: Flow) -> None:
    """Send echo requests, and count those that stay unanswered."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.setblocking(False)
    identity, waiting = id(flow) & 0xFFFF, dict[int, float]()

    async def listen() -> None:
        while True:
            packet = (await loop.sock_recv(sock, 2048))[20:]
            kind, _, _, whose, number = struct.unpack("!BBHHH", packet[:8])
            if (kind, whose) == (0, identity) and (begin := waiting.pop(number, None)) is not None:
                flow.answered(time.perf_counter() - begin)

    listening = asyncio.create_task(listen())
    try:
        while True:
            flow.sent += 1
            number = flow.sent & 0xFFFF
            waiting[number] = time.perf_counter()
            await loop.sock_sendto(sock, _request(identity, number), (flow.host, 0))
            await asyncio.sleep(INTERVAL)
    except asyncio.CancelledError:
        await asyncio.sleep(GRACE if waiting else 0)
        raise
    finally:
        listening.cancel()
        flow.lost += len(waiting)
        sock.close()


def _request(identity: int, number: int) -> bytes:
    words = (0x0800, identity, number)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHH", 8, 0, ~total & 0xFFFF, identity, number)


async def guarded(flow: Flow) -> None:
    """Run a flow; what ends it is its loss."""
    try:
        await {"stream": stream, "connect": connect, "ping": ping}[flow.kind](flow)
    except (OSError, TimeoutError, ValueError, EOFError) as error:
        flow.failed(error)


async def main() -> None:
    """Run all flows until the input is closed."""
    flows = [Flow(*wanted) for wanted in json.loads(sys.argv[1])]
    tasks = [asyncio.create_task(guarded(flow)) for flow in flows]
    for flow in flows:
        await flow.begun.wait()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    shown = [{key: value for key, value in vars(flow).items() if key != "begun"} for flow in flows]
    sys.stdout.write(f"{json.dumps(shown)}\n")


if __name__ == "__main__":
    asyncio.run(main())
