"""Detach keys: what is typed to leave a container behind without ending it."""

from netwright.frontends.cli.failures import CommandFailed

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = {f"ctrl-{letter}": bytes([number]) for number, letter in enumerate("@abcdefghijklmnopqrstuvwxyz[\\]^_")}


def parse(text: str) -> bytes:
    """Return the bytes of `ctrl-p,ctrl-q` or `ctrl-a,d`. Raises CommandFailed."""
    found = b""
    for key in (text or DEFAULT).split(","):
        if key in _CONTROL:
            found += _CONTROL[key]
        elif len(key) == 1 and key.isascii():
            found += key.encode()
        else:
            raise CommandFailed(f"invalid detach keys ({text}): {key!r} is neither one letter nor ctrl- and a letter")
    return found


class Detacher:
    """Watches what is typed. Bytes that may begin the sequence are held back until it is clear that they do not."""

    def __init__(self, sequence: bytes) -> None:
        self._sequence = sequence
        self._held = b""
        self.detached = False

    def pass_on(self, typed: bytes) -> bytes:
        """Return what is to be sent on of what was typed; `detached` tells that the sequence was complete."""
        out = bytearray()
        for number in typed:
            self._held += bytes([number])
            if self._held == self._sequence:
                self.detached, self._held = True, b""
                break
            while self._held and not self._sequence.startswith(self._held):
                out.append(self._held[0])
                self._held = self._held[1:]
        return bytes(out)
