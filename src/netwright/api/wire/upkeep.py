"""JSON shapes of what is told about differences between rows and machine."""

from netwright.api.wire.shape import Shape


class DifferenceShown(Shape, kw_only=True):
    """One thing that is not as it should be: whose it is, what is wrong with it, and what puts it right."""

    subject: str
    what: str
    cure: str


class RepairedShown(Shape, kw_only=True):
    """What a repair has put right, and what is wrong still."""

    mended: list[DifferenceShown]
    left: list[DifferenceShown]
