"""The programs that change the machine on our behalf, so that their changes are not taken for somebody else's."""

from collections import deque

_REMEMBERED = 64


class OwnProcesses:
    """Processes that change rules on our behalf; the last few of them."""

    def __init__(self) -> None:
        self._numbers: deque[int] = deque(maxlen=_REMEMBERED)

    def note(self, pid: int) -> None:
        """Take a process for ours from now on."""
        self._numbers.append(pid)

    def __contains__(self, pid: int) -> bool:
        return pid in self._numbers
