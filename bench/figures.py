"""Figures beside their targets: one table for all benchmarks, and the word whether a target is missed.

The noise of a busy machine only ever adds time. So what is compared is measured in turn, and of all samples of both the
better quarter is left: the value that a quarter of them are better than. What has a target in milliseconds, which only
a quiet machine can show, is judged by its quietest round: the least median of a few samples in a row.
"""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

Curve = tuple[tuple[float, float], ...]
"""How a figure grows: how many there are already, and the figure then."""


@dataclass(frozen=True)
class Target:
    """What is asked of a figure, or of its ratio where it stands beside another."""

    word: str
    bound: float
    of_ratio: bool = True

    def met(self, value: float) -> bool:
        """Tell whether a value is as asked."""
        return value <= self.bound if self.word == "at most" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.word} {self.bound:g}{' x' if self.of_ratio else ''}"


@dataclass(frozen=True)
class Figure:
    """One thing measured, beside the same of somebody else where there is one."""

    what: str
    ours: float
    theirs: float | None = None
    target: Target | None = None
    judged: float | None = None
    """What is held against a target that is no ratio, where it is not `ours`."""
    curve: Curve = ()

    @property
    def ratio(self) -> float | None:
        """Return our figure over theirs."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def verdict(self) -> str:
        """Return `pass` or `MISSED`, nothing where nothing is asked."""
        if self.target is None:
            return ""
        value = self.ratio if self.target.of_ratio else (self.judged if self.judged is not None else self.ours)
        assert value is not None, f"{self.what}: a ratio needs two figures"
        return "pass" if self.target.met(value) else "MISSED"


def quarter(samples: Sequence[float], *, more_is_better: bool = False) -> float:
    """Return the value that a quarter of the samples are better than."""
    if len(samples) < 2:
        return samples[0]
    cuts = statistics.quantiles(samples, n=4, method="inclusive")
    return cuts[2] if more_is_better else cuts[0]


def curve(samples: Sequence[float], points: int = 20) -> Curve:
    """Return how samples grow that were taken one after the other: of each stretch of them the better quarter."""
    size = max(1, len(samples) // points)
    stretches = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    return tuple((float((place + 1) * size), quarter(stretch)) for place, stretch in enumerate(stretches))


def quietest(samples: Sequence[float], size: int = 5) -> float:
    """Return the least median of `size` samples in a row."""
    size = min(size, len(samples))
    return min(statistics.median(samples[start : start + size]) for start in range(len(samples) - size + 1))


def show(title: str, figures: Sequence[Figure], ours: str = "netwright", theirs: str = "docker") -> None:
    """Print a table."""
    print(f"\n{title}")
    print(f"  {'':46} {ours:>10} {theirs:>10} {'ratio':>7}  {'target':14} verdict")
    for figure in figures:
        other = "" if figure.theirs is None else f"{figure.theirs:.2f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
        asked = "" if figure.target is None else str(figure.target)
        if figure.judged is not None:
            asked += f" ({figure.judged:.2f})"
        print(f"  {figure.what:46} {figure.ours:10.2f} {other:>10} {ratio:>7}  {asked:14} {figure.verdict}".rstrip())
    sys.stdout.flush()


def exit_code(figures: Sequence[Figure]) -> int:
    """Return 1 where a target is missed, and say which."""
    missed = [figure for figure in figures if figure.verdict == "MISSED"]
    for figure in missed:
        print(f"missed: {figure.what}: {figure.target}", file=sys.stderr)
    return 1 if missed else 0
