#!/usr/bin/env python3
"""The tour: every step shows a command, what it prints, and one line on what is seen.

    scripts/tour.py IMAGE.tar

Needs a running engine. It can be walked as often as you like: what an earlier tour left is replaced. It ends at the
first step that fails, with that step's exit code.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
SOCKET = "unix:///run/netwright/docker.sock"
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}:{os.environ.get('PATH', '')}", "NETWRIGHT_HOST": SOCKET}
IMAGE = "netwright-tour"
CONTAINER = "tour-web"
USUAL_PORT = 8080
LIST = ("nft", "list", "set", "inet")
LONGEST = 60
"""How many lines of a step's output are shown."""


def step(seen: str, *command: str) -> str:
    """Run a command, show it with its output and what is to be seen in it, and return the output."""
    print(f"\n$ {' '.join(command)}", flush=True)
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False, env=ENVIRONMENT)
    lines = done.stdout.splitlines()
    print("\n".join(f"  {line}" for line in lines[:LONGEST]))
    if len(lines) > LONGEST:
        print(f"  ... ({len(lines) - LONGEST} more lines)")
    if done.returncode != 0:
        sys.exit(done.returncode)
    print(f"-> {seen}", flush=True)
    return done.stdout


def free_port() -> str:
    """Return 8080, or "" (any free port) where another program of this host listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", USUAL_PORT))
        except OSError:
            return ""
    return str(USUAL_PORT)


def await_server(port: int) -> None:
    """Give the web server a moment to begin to listen; nothing tells when it does."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


def forget_earlier_tour() -> None:
    """Remove the container of an earlier tour, so that its name and port are free again."""
    here = subprocess.run(
        ["netwright", "ps", "--all", "--quiet", "--filter", f"name=^/{CONTAINER}$"],
        text=True,
        stdout=subprocess.PIPE,
        check=True,
        env=ENVIRONMENT,
    )
    for identity in here.stdout.split():
        subprocess.run(["netwright", "rm", "--force", identity], stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT)


def walk(archive: str) -> None:
    """Walk all steps."""
    forget_earlier_tour()
    step("Client and engine, and the Docker API that the engine speaks.", "netwright", "version")
    step("The id of an image made of one tar, Debian's busybox.", "netwright", "import", archive, IMAGE)
    port = free_port()
    publish = f"{port}:80" if port else "80"
    serve = ["httpd", "-f", "-h", "/www"]
    step(
        "A web server in a network stack of its own on docker0; its port 80 is published on this host.",
        *("netwright", "run", "--detach", "--name", CONTAINER, "--publish", publish, IMAGE, *serve),
    )
    published = step("Where it can be reached from outside.", "netwright", "port", CONTAINER)
    number = published.splitlines()[0].rsplit(":", 1)[1]
    await_server(int(number))
    step(
        "A page, fetched through the published port of this host.",
        *("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{number}/"),
    )
    step(
        "The network: its subnet and gateway, and the container with the address and MAC that it keeps for life.",
        *("netwright", "network", "inspect", "bridge"),
    )
    step(
        "The container's own eth0, one end of a veth pair.",
        "netwright",
        "exec",
        CONTAINER,
        "ip",
        "addr",
        "show",
        "eth0",
    )
    step("Its default route leads to docker0's address on this host.", "netwright", "exec", CONTAINER, "ip", "route")
    step("The other end of the pair is a port of the bridge.", "ip", "-brief", "link", "show", "master", "docker0")
    show_firewall()
    print(
        "\nThe engine is up, and the web server with it. Try next, with Docker's own command line or with ours:\n"
        f"  docker -H {SOCKET} run -it --rm {IMAGE} sh\n"
        f"  {BIN / 'netwright'} run -it --rm {IMAGE} sh"
    )


def show_firewall() -> None:
    """Show the rules of whichever backend is at work."""
    tables = subprocess.run(["nft", "list", "tables"], text=True, stdout=subprocess.PIPE, check=True).stdout
    ours = [
        line.split()[1:] for line in tables.splitlines() if "inet netwright-" in line or "bridge netwright-" in line
    ]
    if not ours:
        step("The iptables backend: the published port in Docker's chain.", "iptables", "-t", "nat", "-S", "DOCKER")
        return
    for family, name in ours:
        if family == "inet":
            show_table(name)


def show_table(name: str) -> None:
    """Show the parts of our nftables table that speak of the tour's container."""
    step(
        "The published port is one element of a map: protocol and port on the left, the container on the right.",
        *("nft", "list", "map", "inet", name, "any4"),
    )
    step(
        "The rules that look into the maps are fixed, however many ports are published.",
        *("nft", "list", "chain", "inet", name, "published"),
    )
    step(
        "The network's own addresses: what leaves from them for the outside is masqueraded.",
        *LIST,
        name,
        "masqueraded4",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        walk(sys.argv[1])
    except BrokenPipeError:
        # Whoever was looking has seen enough: `make run | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
