"""The host driver: endpoints live in the network stack of the engine itself."""

from typing import ClassVar

from netwright.drivers.api import Capabilities, Driver
from netwright.model.network import SandboxKind


class HostDriver(Driver):
    """One network without an interface, an address or a rule of its own: the host's traffic is the admin's."""

    name: ClassVar[str] = "host"
    capabilities: ClassVar[Capabilities] = Capabilities(
        addresses=False, publishes=False, single=True, sandbox=SandboxKind.HOST
    )
