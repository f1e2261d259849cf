"""What goes wrong on the system's D-Bus."""

from netwright.errors import SystemFailure


class BusFailed(SystemFailure):
    """The system bus cannot be reached, or a call over it was refused or not answered in time."""
