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


class Difference(Shape, kw_only=True):
    """One thing that stands otherwise than it should: `missing`, `surplus` or `misplaced`; and what puts it right."""

    where: str
    what: str
    fault: str
    cure: str


class Checked(Shape, kw_only=True):
    """What is not as it should be, and who else on this host may have a say."""

    differences: list[Difference]
    notes: list[str]
