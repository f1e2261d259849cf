"""The host's resolv.conf, followed as it changes."""

import os
import time
from pathlib import Path

from netwright.dns import resolvconf
from netwright.dns.resolvconf import ResolvConf

OFTEN = 0.02
"""Seconds between two looks."""


class HostConfiguration:
    """What the host's resolv.conf says now.

    The file is looked at when a query goes to its servers, but not oftener than every 20 ms. Unlike a watch this also
    sees a link that leads elsewhere, a mount over it, and a file that was not there before.
    """

    def __init__(self, path: str = resolvconf.ETC) -> None:
        self._path = path
        self._looked = -OFTEN
        self._state: tuple[int, int, int, int] | None = None
        self.conf = ResolvConf()
        self.ndots = False
        """Whether it says from how many dots on a name is a whole one."""
        self.generation = 0
        """Grows with every change."""
        self.follow()

    def follow(self) -> None:
        """Read it again if it is not what it was; one that is gone for a moment counts as it was."""
        now = time.monotonic()
        if now - self._looked < OFTEN:
            return
        self._looked = now
        try:
            found = os.stat(self._path)  # noqa: PTH116 - pathlib costs several times as much
        except OSError:
            return
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if state == self._state:
            return
        try:
            conf = resolvconf.parse(Path(self._path).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return
        self._state = state
        if conf != self.conf:
            self.conf = conf
            self.ndots = any(option.startswith("ndots:") for option in conf.options)
            self.generation += 1
