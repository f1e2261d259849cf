"""Signals by name or number, as `docker kill` takes them. Pure."""

import signal

from netwright.errors import InvalidInput


def parse_signal(text: str, default: int) -> int:
    """Read `SIGTERM`, `TERM`, `15` or `RTMIN+3`; empty is the default. Raises InvalidInput."""
    if not text:
        return default
    if text.isdigit():
        number = int(text)
        if 1 <= number < signal.NSIG:
            return number
        raise InvalidInput(f"invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    base, plus, offset = name.partition("+")
    if base == "RTMIN" and (not plus or offset.isdigit()):
        number = signal.SIGRTMIN + int(offset or 0)
        if number <= signal.SIGRTMAX:
            return number
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        raise InvalidInput(f"invalid signal: {text}") from None
