#!/usr/bin/python3
"""Start and stop the engine in the background, as `make run` and `make stop` do.

    scripts/engine.py start [FLAG ...]     start it unless it runs, and return when it is ready
    scripts/engine.py stop                 stop it, and return when it has ended

No waiting by the clock: the engine says itself that it is ready (sd_notify), and its end is seen through a pidfd.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

NETWRIGHT = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "netwright"
PIDFILE = Path("/run/netwright/netwright.pid")
LOG = Path("/var/log/netwright.log")
SECONDS = 60


def running() -> int | None:
    """Return the engine's process id as its pidfile has it, None where no such process is an engine."""
    try:
        pid = int(PIDFILE.read_text(encoding="ascii"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid if b"daemon" in words and any(b"netwright" in word for word in words) else None


def start(flags: list[str]) -> int:
    """Start the engine in a session of its own and wait until it is ready or has given up."""
    if (pid := running()) is not None:
        print(f"The engine is running (process {pid}).")
        if flags:
            print(f"It keeps the options that it has; for {' '.join(flags)} stop it first: sudo make stop")
        return 0
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news:
        news.bind(f"{folder}/notify")
        with LOG.open("ab") as log:
            begin = log.tell()
            engine = subprocess.Popen(
                [NETWRIGHT, "daemon", *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"},
                start_new_session=True,
            )
        if await_ready(engine, news):
            print(f"The engine is ready (process {engine.pid}, log {LOG}).")
            return 0
    print(LOG.read_bytes()[begin:].decode(errors="replace"), end="", file=sys.stderr)
    print(f"The engine did not start; above is what it says ({LOG}).", file=sys.stderr)
    return 1


def await_ready(engine: "subprocess.Popen[bytes]", news: socket.socket) -> bool:
    """Return whether the engine said READY=1 before it ended or the time ran out."""
    end = os.pidfd_open(engine.pid)
    try:
        while True:
            ready, _, _ = select.select([news.fileno(), end], [], [], SECONDS)
            if news.fileno() in ready and "READY=1" in news.recv(4096).decode().splitlines():
                return True
            if news.fileno() not in ready:
                return False
    finally:
        os.close(end)


def stop() -> int:
    """Ask the engine to stop and wait for its end."""
    pid = running()
    if pid is None:
        print("The engine is not running.")
        return 0
    end = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(end, signal.SIGTERM)
        ended, _, _ = select.select([end], [], [], SECONDS)
    finally:
        os.close(end)
    if not ended:
        print(f"The engine (process {pid}) has not ended within {SECONDS} s; see {LOG}.", file=sys.stderr)
        return 1
    print("The engine has stopped. Its containers run on; `make run` takes them over again.")
    return 0


def main() -> int:
    """Do what the first argument says."""
    match sys.argv[1:]:
        case ["start", *flags]:
            return start(flags)
        case ["stop"]:
            return stop()
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
