"""Which names of options are mistakes.

Docker ignores what it does not know, so a misspelt `enable_icc` silently leaves open what the user meant to close. Here
a name in Docker's own `com.docker.network.` that the driver does not know is an error, and so is a name that looks
like one of those it knows. Any other name is somebody else's: tools keep notes of their own in these options and read
them back (docker-py's own tests do, Kathará does), so those are kept and have no effect.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

NAMESPACE = "com.docker.network."


@dataclass(frozen=True, slots=True)
class OptionNames:
    """The judge of names; `lenient` is Docker's own way: everything is taken."""

    lenient: bool = False

    def faults(self, given: Iterable[str], known: Sequence[str] | None, whose: str) -> list[str]:
        """Return what is wrong with these names, where `whose` knows only some; None knows all."""
        if self.lenient or known is None:
            return []
        return [fault for name in given if name not in known and (fault := _fault(name, known, whose))]


def _fault(name: str, known: Sequence[str], whose: str) -> str:
    own = name.startswith(NAMESPACE)
    near = _nearest(name, known, similarity=0.5 if own else 0.8)
    if not own and not near:
        return ""
    return f"unknown option {name} for {whose}" + (f": did you mean {near}?" if near else "")


def _nearest(name: str, known: Sequence[str], *, similarity: float) -> str:
    """Return the known name that is most like a name; one without a dot may be the last part of it."""
    candidates = {option: option for option in known}
    if "." not in name:
        candidates = {option.rpartition(".")[2]: option for option in known}
    found = get_close_matches(name.lower(), candidates, n=1, cutoff=similarity)
    return candidates[found[0]] if found else ""
