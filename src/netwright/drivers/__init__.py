"""Network drivers: what a network and an endpoint mean on the machine, as operations and intents. No I/O.

`builtin` is the explicit list: a new driver is one module here, one line there, one test and one page of documentation.
"""

from collections.abc import Mapping

from netwright.drivers.api import Driver
from netwright.drivers.bridge import BridgeDriver, BridgeSettings
from netwright.drivers.host import HostDriver
from netwright.drivers.null import NullDriver


def builtin(bridge: BridgeSettings) -> Mapping[str, Driver]:
    """Return the drivers that come with the engine, by name."""
    drivers: tuple[Driver, ...] = (BridgeDriver(bridge), HostDriver(), NullDriver())
    return {driver.name: driver for driver in drivers}
