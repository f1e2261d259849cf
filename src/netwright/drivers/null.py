"""The null driver: endpoints with a network stack of their own that leads nowhere."""

from collections.abc import Sequence
from typing import ClassVar

from netwright.drivers.api import Capabilities, Driver


class NullDriver(Driver):
    """One network that gives its endpoints nothing but their own loopback interface."""

    name: ClassVar[str] = "null"
    capabilities: ClassVar[Capabilities] = Capabilities(addresses=False, publishes=False, single=True)
    network_options: ClassVar[Sequence[str] | None] = None
    """Configuration networks keep options for networks of other drivers."""
