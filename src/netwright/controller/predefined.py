"""The networks that are the engine's own: `bridge`, `host` and `none`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from netwright.controller.api import NetworkRequest
from netwright.controller.networks import Networks
from netwright.controller.requests import DEFAULT_BRIDGE, HOST, NONE
from netwright.controller.reservations import Reservations
from netwright.controller.state import State
from netwright.errors import Conflict, NotFound
from netwright.host.protocol import Host
from netwright.host.queries import Link, Links
from netwright.ipam.default_bridge import DefaultBridgeAddresses, default_bridge_pools
from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool
from netwright.store.api import Delete, Put, Store

log = logging.getLogger(__name__)

DOCKER0 = "docker0"
DISABLED = "none"
"""The value of `--bridge` that means: no default bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultBridge:
    """What the daemon's options say of the default bridge; `device` is the value of `--bridge`, "" for docker0."""

    addresses: DefaultBridgeAddresses
    device: str = ""
    ipv6: bool = False
    icc: bool = True
    masquerade: bool = True
    binding: str = "0.0.0.0"
    mtu: int = 1500
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def link(self) -> str:
        """The bridge's name on the host."""
        return self.device or DOCKER0

    @property
    def options(self) -> dict[str, str]:
        """The network's options as Docker shows them."""
        return {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": str(self.icc).lower(),
            "com.docker.network.bridge.enable_ip_masquerade": str(self.masquerade).lower(),
            "com.docker.network.bridge.host_binding_ipv4": self.binding,
            "com.docker.network.bridge.name": self.link,
            "com.docker.network.driver.mtu": str(self.mtu),
            **self.more,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """An endpoint of the default bridge on its way to a new one: written before its row goes, so no crash loses it.

    `id` is that of the endpoint which it was.
    """

    id: Id
    sandbox: Id
    spec: EndpointSpec
    order: int
    interface: str


class Predefined:
    """Sees to it that the engine's own networks are there, as the options want them."""

    def __init__(
        self,
        wanted: DefaultBridge,
        *,
        store: Store,
        state: State,
        host: Host,
        networks: Networks,
        reservations: Reservations,
        group: int,
    ) -> None:
        self._wanted = wanted
        self._store = store
        self._state = state
        self._host = host
        self._networks = networks
        self._reservations = reservations
        self._group = group

    async def check(self) -> None:
        """Refuse a default bridge that is not ours to use. Raises Conflict or NotFound; before anything is touched."""
        if self._wanted.device == DISABLED:
            return
        link = await self._find()
        if self._wanted.device and link is None:
            raise NotFound(
                f"bridge device with non default name {self._wanted.device} must be created manually: "
                f"ip link add {self._wanted.device} type bridge"
            )
        if not self._wanted.device and link is not None and link.group != self._group:
            raise Conflict(
                f"{DOCKER0} is here already and is not ours: another engine's, perhaps. Use --bridge=none, "
                f"--bridge=NAME with a bridge of your own, or --bridge={DOCKER0} to share this one"
            )

    async def _find(self) -> Link | None:
        links = await self._host.ask(Links())
        return next((link for link in links if link.name == self._wanted.link), None)

    async def ensure(self) -> None:
        """Make what is missing, and change the default bridge where the options have changed."""
        for name, driver in ((NONE, "null"), (HOST, "host")):
            if not self._state.name_taken(name):
                await self._networks.make(NetworkRequest(name=name, driver=driver))
        if self._wanted.device == DISABLED:
            await self._drop()
        elif not self._state.name_taken(DEFAULT_BRIDGE):
            await self._networks.make(await self._request())
        else:
            await self._renew(self._state.network(DEFAULT_BRIDGE))
        if self._state.name_taken(DEFAULT_BRIDGE):
            await self._move()

    async def _request(self) -> NetworkRequest:
        link = await self._find()
        present = link.addresses if link is not None and self._wanted.device else ()
        return NetworkRequest(
            name=DEFAULT_BRIDGE,
            ipv6=self._wanted.ipv6,
            pools=default_bridge_pools(self._wanted.addresses, present),
            options=self._wanted.options,
        )

    async def _drop(self) -> None:
        if not self._state.name_taken(DEFAULT_BRIDGE):
            return
        network = self._state.network(DEFAULT_BRIDGE)
        if self._state.on_network(network.id):
            log.warning("containers are on the default bridge: it stays until they are removed")
        else:
            await self._networks.unmake(network)

    async def _renew(self, network: Network) -> None:
        """Make the default bridge anew where the options want another; closed endpoints get new addresses on it."""
        request = await self._request()
        if (network.options, network.ipv6) == (request.options, request.ipv6) and _serves(network, request.pools):
            return
        endpoints = self._state.on_network(network.id)
        if any(self._state.sandboxes[endpoint.sandbox].open for endpoint in endpoints):
            log.warning("there are running containers: the new settings of the default bridge wait until they stop")
            return
        await self._store.commit([Put(row.id, row) for row in map(_moving, endpoints)])
        await self._state.commit(delete=endpoints)
        await self._networks.unmake(network)
        await self._networks.make(request)

    async def _move(self) -> None:
        """Give the endpoints on their way addresses on the default bridge: also what a crash has left of a move."""
        rows = self._store.load(Moving)
        if not rows:
            return
        bridge = self._state.network(DEFAULT_BRIDGE)
        there = {endpoint.sandbox for endpoint in self._state.on_network(bridge.id)}
        async with self._reservations.attempt() as attempt:
            moved = [
                replace(
                    await attempt.endpoint(self._state.sandboxes[row.sandbox], bridge, row.spec, among=()),
                    order=row.order,
                    interface=row.interface,
                )
                for row in rows.values()
                if row.sandbox in self._state.sandboxes and row.sandbox not in there
            ]
            await self._state.commit(put=moved)
        await self._store.commit([Delete(Moving, key) for key in rows])


def _moving(endpoint: Endpoint) -> Moving:
    return Moving(
        id=endpoint.id,
        sandbox=endpoint.sandbox,
        spec=endpoint.spec,
        order=endpoint.order,
        interface=endpoint.interface,
    )


def _serves(network: Network, wanted: tuple[Pool, ...]) -> bool:
    """Tell whether a network has the pools asked for; a family for which none is asked may have any."""
    for pool in wanted:
        own = network.pool(pool.subnet.version)
        if own is None or (own.subnet, own.range, dict(own.auxiliary)) != (
            pool.subnet,
            pool.range,
            dict(pool.auxiliary),
        ):
            return False
        if pool.gateway is not None and own.gateway != pool.gateway:
            return False
    asked = {pool.subnet.version for pool in wanted}
    return all(pool.subnet.version in asked or not pool.given for pool in network.pools)
