"""What an engine does to the world, counted step by step, and disturbed at one of them.

A step is one operation, one question or one commit. Every fake of a world shares one count, so that a test can go
through all the moments of a change: `fail_at` lets that step fail, `crash_at` ends the life of the engine just before
it: from then on nothing that the engine still tries has any effect.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


class Crash(BaseException):
    """The engine is dead: raised at whatever it still tries."""


@dataclass
class Steps:
    """The count; 0 stands for no step. `lasting` makes every step from `fail_at` on fail."""

    fail_at: int = 0
    crash_at: int = 0
    lasting: bool = False
    spared: tuple[type, ...] = ()
    """The kinds of what never fails."""
    count: int = 0
    dead: bool = False
    taken: list[object] = field(default_factory=list)

    def take(self, what: object, refuse: Callable[[str], Exception]) -> None:
        """Count a step. Raises Crash, or what `refuse` makes of the reason, where it is not to be."""
        if self.dead:
            raise Crash
        self.count += 1
        self.taken.append(what)
        if self.count == self.crash_at:
            self.dead = True
            raise Crash
        if isinstance(what, self.spared) or not self.fail_at:
            return
        if self.count == self.fail_at or (self.lasting and self.count > self.fail_at):
            raise refuse(f"step {self.count} was told to fail: {what}")
