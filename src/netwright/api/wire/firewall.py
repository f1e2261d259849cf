"""JSON shapes of what is told about the firewall."""

from msgspec import field

from netwright.api.wire.shape import Shape


class Explained(Shape, kw_only=True):
    """What becomes of a packet: from whom, by which interface, to where; the end and the steps to it; who else decides.

    `interface` is empty for what this host itself sends. `arrives_at` is where the packet is addressed to in the end.
    """

    source: str = field(name="From")
    interface: str
    target: str = field(name="To")
    verdict: str
    steps: list[str]
    arrives_at: str
    notes: list[str]
