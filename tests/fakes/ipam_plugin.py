"""A small IPAM plugin: Docker's protocol over HTTP on a unix socket, with an account in memory or in a file.

Run as a program it serves until its input is closed: `ipam_plugin.py SOCKET LOG [NAME=VALUE...]`. Every request is
written to LOG, a line of JSON each. The settings: `replay=1` and `mac=1`, its capabilities; `gateway=ADDRESS/LENGTH`,
its choice for that pool; `pools=CIDR,CIDR`, what it gives where none is asked for; `old=1`, no word on capabilities;
`answer=ADDRESS/LENGTH`, an address that has nothing to do with what is asked.
"""

import json
import socketserver
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any


class Refused(Exception):
    """What the plugin says no to."""


class Unknown(Exception):
    """A method that the plugin has not."""


class Account:
    """The pools that were given, and who has which of their addresses."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings
        self._offers = settings.get("pools", "10.90.0.0/24,10.91.0.0/24").split(",")
        self.pools: dict[str, list[str]] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def answer(self, method: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry a request out."""
        self.calls.append((method.partition(".")[2], request))
        match method:
            case "Plugin.Activate":
                return {"Implements": ["IpamDriver"]}
            case "IpamDriver.GetCapabilities" if not self.settings.get("old"):
                on = {name for name in ("mac", "replay") if self.settings.get(name)}
                return {"RequiresMACAddress": "mac" in on, "RequiresRequestReplay": "replay" in on}
            case "IpamDriver.GetDefaultAddressSpaces":
                return {"LocalDefaultAddressSpace": "here", "GlobalDefaultAddressSpace": "everywhere"}
            case "IpamDriver.RequestPool":
                return self._pool(request)
            case "IpamDriver.ReleasePool":
                if self.pools.pop(request["PoolID"], None) is None:
                    raise Refused(f"no pool {request['PoolID']}")
            case "IpamDriver.RequestAddress":
                return self._address(request)
            case "IpamDriver.ReleaseAddress":
                if request["Address"] not in self._taken(request["PoolID"]):
                    raise Refused(f"{request['Address']} is free")
                self._taken(request["PoolID"]).remove(request["Address"])
            case _:
                raise Unknown(method)
        return {}

    def _pool(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["Options"] and "refuse" in request["Options"]:
            raise Refused(request["Options"]["refuse"])
        free = [offer for offer in self._offers if f"{request['AddressSpace']}/{offer}" not in self.pools]
        subnet = request["Pool"] or (free[0] if free else "")
        if not subnet:
            raise Refused("no pool is left")
        identity = f"{request['AddressSpace']}/{subnet}"
        if identity in self.pools:
            raise Refused(f"{subnet} is given already")
        self.pools[identity] = []
        gateway = self.settings.get("gateway", "")
        is_here = gateway and ip_interface(gateway).network == ip_network(subnet)
        data = {"com.docker.network.gateway": gateway} if is_here else None
        return {"PoolID": identity, "Pool": subnet, "Data": data}

    def _address(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        taken = self._taken(request["PoolID"])
        network = ip_network(request["PoolID"].partition("/")[2])
        # From the far end, so that it shows whose choice an address is.
        choice = request["Address"] or next(str(host) for host in [*network.hosts()][::-1] if str(host) not in taken)
        if choice in taken:
            raise Refused(f"{choice} is taken")
        taken.append(choice)
        return {"Address": self.settings.get("answer") or str(ip_interface(f"{choice}/{network.prefixlen}"))}

    def _taken(self, pool: str) -> list[str]:
        if pool not in self.pools:
            raise Refused(f"no pool {pool}")
        return self.pools[pool]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves an account and writes down what it is asked.

    What is asked of the methods in `mute` is done and not answered. While `gate` is closed nothing is
    answered; `reached` is set by every request.
    """

    daemon_threads = True

    def __init__(self, path: Path, log: Path, settings: Mapping[str, str]) -> None:
        self.account = Account(settings)
        self.mute: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        path.unlink(missing_ok=True)
        super().__init__(str(path), Handler)

    def handle_method(self, method: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Answer one request with a status and an object."""
        request = json.loads(body) if body else {}
        with self._lock, self._log.open("a") as log:
            log.write(json.dumps([method, request]) + "\n")
            try:
                return 200, self.account.answer(method, request)
            except Refused as refusal:
                return 200, {"Error": str(refusal)}
            except Unknown as unknown:
                return 404, {"Err": f"there is no {unknown}"}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def do_POST(self) -> None:
        """Answer."""
        assert isinstance(self.server, Server)
        self.server.reached.set()
        self.server.gate.wait(20)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self.server.handle_method(self.path.removeprefix("/"), body)
        if self.path.partition(".")[2] in self.server.mute:
            self.close_connection = True
            return
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Write nothing to standard error."""


def main() -> None:
    """Serve until the input is closed."""
    settings = dict(word.split("=", 1) for word in sys.argv[3:])
    with Server(Path(sys.argv[1]), Path(sys.argv[2]), settings) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
