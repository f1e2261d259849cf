"""Where the machine is not as the rows say."""

from dataclasses import dataclass

NOBODY = "nobody"
"""Whose it is what no row names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it should be: whose it is, what is wrong with it, and what puts it right."""

    subject: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"
