"""The networks that are the engine's own: `bridge`, `host` and `none`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from netwright.controller.api import NetworkRequest
from netwright.controller.networks import Networks
from netwright.controller.requests import DEFAULT_BRIDGE, HOST, NONE
from netwright.controller.reservations import Reservations
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.errors import Conflict, NotFound
from netwright.host.protocol import Host
from netwright.host.queries import Link, Links
from netwright.ipam.default_bridge import DefaultBridgeAddresses, default_bridge_pools
from netwright.model.network import Network

log = logging.getLogger(__name__)

DOCKER0 = "docker0"
DISABLED = "none"
"""The value of `--bridge` that means: no default bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultBridge:
    """What the daemon's options say of the default bridge network. `device` is the value of `--bridge`, "" for docker0."""

    device: str = ""
    addresses: DefaultBridgeAddresses = DefaultBridgeAddresses()
    ipv6: bool = False
    icc: bool = True
    masquerade: bool = True
    binding: str = "0.0.0.0"
    mtu: int = 1500
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, str]:
        """The network's options as Docker shows them."""
        return {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": str(self.icc).lower(),
            "com.docker.network.bridge.enable_ip_masquerade": str(self.masquerade).lower(),
            "com.docker.network.bridge.host_binding_ipv4": self.binding,
            "com.docker.network.bridge.name": self.device or DOCKER0,
            "com.docker.network.driver.mtu": str(self.mtu),
            **self.more,
        }
