"""Requests a second that the API answers on one connection: GET /networks, as `docker network ls` asks it.

Without a path the application is served on a socket of its own over ten networks in memory; with one, an engine that
runs already is asked: `python bench/api.py /run/netwright/docker.sock`.
"""

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.unit.api.fake_networks import network
from tests.unit.api.fakes import FakeEngine

NETWORKS = 10
REQUEST = b"GET /v1.50/networks HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n"


def serve(path: str) -> None:
    """Serve ten networks until the process is ended."""
    engine = FakeEngine()
    for number in range(len(engine.networks.rows), NETWORKS):
        engine.networks.add(network(f"network{number}", number=number))

    async def forever() -> None:
        runner = web.AppRunner(engine.application(), handler_cancellation=True, access_log=None)
        await runner.setup()
        await web.UnixSite(runner, path).start()
        await asyncio.Event().wait()

    uvloop.run(forever())


def connected(path: str) -> socket.socket:
    """Return a connection to a server that may just be starting."""
    deadline = time.monotonic() + 10
    while True:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
        except OSError:
            client.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return client


def rate(client: socket.socket, seconds: float) -> float:
    """Ask one question after the other, and return how many a second were answered."""
    client.sendall(REQUEST)
    length = len(client.recv(1 << 20))
    count, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        client.sendall(REQUEST)
        left = length
        while left > 0:
            left -= len(client.recv(1 << 20))
        count += 1
    return count / took


def measure(path: str, seconds: float) -> None:
    """Print the median rate of five rounds."""
    with connected(path) as client:
        rates = [rate(client, seconds) for _ in range(5)]
    print(f"GET /networks on one connection: {statistics.median(rates):,.0f}/s (best {max(rates):,.0f}/s)")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket", nargs="?", help="of an engine that runs")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each of the five rounds")
    options = parser.parse_args()
    if options.socket:
        measure(options.socket, options.seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/api.sock"
        server = multiprocessing.Process(target=serve, args=(path,))
        server.start()
        try:
            measure(path, options.seconds)
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
