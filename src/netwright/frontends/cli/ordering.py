"""The order in which people expect names: by the numbers in them, too."""

import re


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return a key for sorting that puts `net2` before `net10`."""
    parts: list[str] = re.findall(r"\d+|\D", name)
    return tuple((int(part), "") if part.isdigit() else (ord(part), part) for part in parts)
