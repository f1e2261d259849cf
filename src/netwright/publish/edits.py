"""Wishes for ports that change while their container lives. Pure: from what was wished to what is wished now."""

from collections.abc import Collection, Iterable, Sequence

from netwright.errors import InvalidInput, NotFound
from netwright.model.ports import Port, PortBinding, PortRequest


def added(present: Sequence[PortRequest], more: Iterable[PortRequest]) -> tuple[PortRequest, ...]:
    """Return the wishes with some more; one for the same place gets the new one's sources instead."""
    found = list(present)
    for request in more:
        if not request.port.number:
            raise InvalidInput("invalid container port 0: a container's port is between 1 and 65535")
        places = [place for place, other in enumerate(found) if _same_place(other, request)]
        if places:
            found[places[0]] = request
        else:
            found.append(request)
    return tuple(found)


def removed(
    present: Sequence[PortRequest], gone: Iterable[PortRequest], granted: Sequence[PortBinding], who: str
) -> tuple[PortRequest, ...]:
    """Return the wishes without those that are named: by the container's port, and by host port and address if given.

    `granted` tells the numbers that were chosen freely. Raises NotFound for what `who` does not publish.
    """
    found = list(present)
    wished = {(request.port, number) for request in present for number in range(request.first, request.last + 1)}
    free = {(binding.port, binding.host_port) for binding in granted} - wished
    for request in gone:
        kept = [other for other in found if not _is_named(other, request, free)]
        if len(kept) == len(found):
            host = f"{request.first}:" if request.first else ""
            raise NotFound(f"container {who} does not publish {host}{request.port}")
        found = kept
    return tuple(found)


def _same_place(one: PortRequest, other: PortRequest) -> bool:
    place = (one.port, one.host_ip, one.first, one.last)
    # Any free number is a new one each time it is wished for, if not by the same words.
    return place == (other.port, other.host_ip, other.first, other.last)


def _is_named(present: PortRequest, gone: PortRequest, free: Collection[tuple[Port, int]]) -> bool:
    """Tell whether a wish is one that is to go; `free` are the numbers that were chosen freely."""
    if present.port != gone.port or gone.host_ip not in {None, present.host_ip}:
        return False
    if not gone.first or (present.first, present.last) == (gone.first, gone.last):
        return True
    return not present.first and gone.first == gone.last and (gone.port, gone.first) in free
