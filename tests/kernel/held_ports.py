"""Ports by their places, for tests of who holds and who relays them."""

from netwright.host.queries import HeldPort
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol


def at(protocol: Protocol, address: IPAddress, port: int) -> HeldPort:
    """Return a port of the host."""
    return HeldPort(protocol=protocol, address=address, port=port)
