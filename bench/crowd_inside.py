"""Asks for neighbours from the first instruction of a container on: `crowd_inside.py OUTPUT NAME...`, then sleeps.

A and AAAA of a name are asked at once from one new socket, as the C library does, and never asked again: an answer
that does not come within 5 s is lost. OUTPUT gets a list of (name, type, when it was asked, how long it took, code,
address); times are in seconds of the monotonic clock, which all containers share. A code of -1 says that none came.
"""

import json
import os
import socket
import struct
import sys
import time

RESOLVER = ("127.0.0.11", 53)
PATIENCE = 5.0
TYPES = {1: "A", 28: "AAAA"}


def ask(name: str) -> list[tuple[str, str, float, float, int, str]]:
    """Ask for both families of a name at once."""
    question = b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(RESOLVER)
        client.settimeout(PATIENCE)
        asked = time.monotonic()
        for kind in TYPES:
            client.send(struct.pack("!6H", kind, 0x0100, 1, 0, 0, 0) + question + struct.pack("!HH", kind, 1))
        missing = dict(TYPES)
        found = []
        while missing:
            try:
                answer = client.recv(512)
            except TimeoutError:
                break
            kind, flags, _, count = struct.unpack_from("!4H", answer)
            address = socket.inet_ntoa(answer[-4:]) if count and kind == 1 else ""
            found.append((name, missing.pop(kind), asked, time.monotonic() - asked, flags & 15, address))
        return found + [(name, kind, asked, PATIENCE, -1, "") for kind in missing.values()]


def main() -> None:
    """Ask for all names, then live on as something smaller."""
    output, names = sys.argv[1], sys.argv[2:]
    found = [row for name in names for row in ask(name)]
    with open(f"{output}.new", "w", encoding="utf-8") as file:  # noqa: PTH123 nothing but what is needed is loaded
        json.dump(found, file)
    os.rename(f"{output}.new", output)  # noqa: PTH104
    os.execv("/bin/sleep", ["sleep", "9999"])


if __name__ == "__main__":
    main()
