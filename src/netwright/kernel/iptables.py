"""iptables by its own programs: whole restores, never rule by rule."""

import shutil
from collections.abc import Callable

from netwright.errors import OperationFailed
from netwright.kernel import commands

_PROGRAMS = {4: "iptables", 6: "ip6tables"}


def installed(version: int) -> bool:
    """Tell whether iptables for an IP version (4 or 6) is on this machine."""
    return shutil.which(f"{_PROGRAMS[version]}-restore") is not None


def restore(version: int, rules: str, started: Callable[[int], None] | None = None) -> None:
    """Apply a text for iptables-restore; what it does not name stays. Raises OperationFailed.

    `started` is told the number of the process before it changes anything.
    """
    if not installed(version):
        raise OperationFailed(
            f"{_PROGRAMS[version]}-restore is not installed: apt-get install iptables, "
            "or use --firewall-backend=nftables"
        )
    argv = [f"{_PROGRAMS[version]}-restore", "--noflush", "--wait", "10"]
    commands.check(argv, stdin=rules, started=started)


def save(version: int, table: str) -> str | None:
    """Return the rules of a table as iptables-save prints them, or None where iptables is not installed."""
    if not installed(version):
        return None
    return commands.check([f"{_PROGRAMS[version]}-save", "-t", table])
