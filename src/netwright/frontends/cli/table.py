"""Tables as Docker prints them, cut to the terminal's width where there is one."""

from collections.abc import Sequence

_GAP = 3
_NARROWEST = 10
_CUT_DOWN_TO = 12
"""No column is cut to less than this, for an id must stay readable."""


def render(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Return the lines of a table whose first row is the heading.

    Columns are three spaces apart and at least ten wide, as Docker's. Where the lines would be wider than `width`, the
    widest columns are cut first, with an ellipsis.
    """
    count = max((len(row) for row in rows), default=0)
    whole = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(len(row[column]) for row in whole) for column in range(count)]
    if width is not None:
        widths = _fitted(widths, width)
    return [_line(row, widths) for row in whole]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cut(cell, width) for cell, width in zip(row, widths, strict=True)]
    padded = [cell.ljust(max(width + _GAP, _NARROWEST)) for cell, width in zip(cells[:-1], widths, strict=False)]
    return "".join([*padded, *cells[-1:]])


def cut(text: str, width: int) -> str:
    """Return the text, or its beginning and an ellipsis where it is longer than `width`."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _fitted(widths: Sequence[int], limit: int) -> list[int]:
    fitted = list(widths)
    while fitted and _total(fitted) > limit:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= _CUT_DOWN_TO:
            break
        fitted[widest] -= 1
    return fitted


def _total(widths: Sequence[int]) -> int:
    return sum(max(width + _GAP, _NARROWEST) for width in widths[:-1]) + sum(widths[-1:])
