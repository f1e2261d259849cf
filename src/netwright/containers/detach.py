"""Detach keys: the keys that leave a terminal without ending its process, in Docker's notation. Pure."""

from netwright.containers.api import DETACH_KEYS
from netwright.errors import InvalidInput

_SPECIAL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_keys(text: str) -> bytes:
    """Read `ctrl-p,ctrl-q` or `a,ctrl-[` and so on; empty is Docker's default. Raises InvalidInput."""
    return bytes(_key(word, text) for word in (text or DETACH_KEYS).split(","))


def _key(word: str, whole: str) -> int:
    lowered = word.lower()
    if len(word) == 1 and word.isascii():
        return ord(word)
    letter = lowered.removeprefix("ctrl-")
    if letter != lowered and len(letter) == 1:
        if letter in _SPECIAL:
            return _SPECIAL[letter]
        if "a" <= letter <= "z":
            return ord(letter) - ord("a") + 1
    raise InvalidInput(f"Invalid detach keys ({whole}) provided")


class DetachFilter:
    """Watches input for the detach keys; what might be their beginning is held back until it is decided."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what goes through to the process, and whether the keys have been typed."""
        passed = bytearray()
        for byte in data:
            if byte == self._keys[self._held]:
                self._held += 1
                if self._held == len(self._keys):
                    self._held = 0
                    return bytes(passed), True
                continue
            passed += self._keys[: self._held]
            # The key that broke the sequence may begin it anew.
            self._held = 1 if byte == self._keys[0] else 0
            if not self._held:
                passed.append(byte)
        return bytes(passed), False
