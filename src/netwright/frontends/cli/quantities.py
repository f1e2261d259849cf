"""Sizes, shares of processors, and their notations (Docker's go-units)."""

import re
from collections.abc import Sequence

from netwright.frontends.cli.flags import bad_value

_BINARY = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)")


def parse_size(text: str, flag: str) -> int:
    """Return the bytes of `64m`, `1.5GiB` or `1024`; units are powers of 1024. Raises BadFlag for `flag`."""
    match = _SIZE.fullmatch(text.lower())
    if match is None:
        raise bad_value(flag, text, f"invalid size: '{text}'")
    unit = match[2].removesuffix("ib") if len(match[2]) == 3 else match[2]
    unit = unit.removesuffix("b") if len(unit) == 2 else unit
    if unit not in _BINARY:
        raise bad_value(flag, text, f"invalid suffix: '{match[2]}'")
    return int(float(match[1]) * _BINARY[unit])


def parse_cpus(text: str, flag: str) -> int:
    """Return billionths of a processor of `1.5`. Raises BadFlag for `flag`."""
    match = re.fullmatch(r"(\d*)(?:\.(\d*))?", text)
    if match is None or not text.strip("."):
        raise bad_value(flag, text, f"failed to parse {text} as a rational number")
    whole, fraction = match[1] or "0", match[2] or ""
    if len(fraction.rstrip("0")) > 9:
        raise bad_value(flag, text, "value is too precise")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0")[:9])


def decimal_size(size: float) -> str:
    """Return a size as Docker's listings show it: three digits, powers of 1000, such as `4.26MB`."""
    return _scaled(size, 1000, ("B", "kB", "MB", "GB", "TB"), digits=3)


def binary_size(size: float) -> str:
    """Return a size in powers of 1024, as `info` shows memory: `1.918GiB`."""
    return _scaled(size, 1024, ("B", "KiB", "MiB", "GiB", "TiB"), digits=4)


def _scaled(size: float, base: int, units: Sequence[str], *, digits: int) -> str:
    step = 0
    while size >= base and step < len(units) - 1:
        size, step = size / base, step + 1
    return f"{size:.{digits}g}{units[step]}"
