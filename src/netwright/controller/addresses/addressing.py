"""Subnets and addresses, by whichever IPAM driver a network names: one of the engine's own, or a plugin.

The engine's own decide at once: for their networks no method here lets anything else run before it returns, so nothing
can come between choosing and recording. A plugin is awaited, and what it has given is kept account of meanwhile.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from netwright.controller.addresses.remote_ipam import RemoteIpam
from netwright.errors import NotFound
from netwright.ipam.api import Ipam
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.network import Endpoint, Network, Sandbox
from netwright.plugins.api import PluginMissing


class Addressing:
    """Asks the right driver. `drivers` are the names of the engine's own."""

    def __init__(self, own: Ipam, drivers: Collection[str], remote: RemoteIpam) -> None:
        self._own = own
        self.drivers = drivers
        self._remote = remote

    def is_remote(self, network: Network) -> bool:
        """Tell whether a plugin manages a network's addresses."""
        return network.ipam_driver not in self.drivers

    def restore(self, networks: Iterable[Network], endpoints: Iterable[Endpoint]) -> None:
        """Let the engine's own drivers learn what is taken; what plugins gave is written down elsewhere."""
        own = [network for network in networks if not self.is_remote(network)]
        self._own.restore(own, endpoints)

    async def lease(self, network: Network, taken: Sequence[IPNetwork], gateways: Collection[int]) -> Network:
        """Return a new network with the pools that its plugin gives; one without a plugin as it is.

        What raises may have been given something: the caller calls `forget`.
        """
        if not self.is_remote(network):
            return network
        try:
            return replace(network, pools=await self._remote.lease_pools(network, taken, gateways))
        except PluginMissing as missing:
            near = get_close_matches(network.ipam_driver, self.drivers, n=1)
            if not near:
                raise
            raise NotFound(f"{missing}: did you mean {near[0]}?") from missing

    def choose(self, network: Network, reserved: Sequence[IPNetwork], gateways: Collection[int]) -> Network:
        """Return a new network with pools of the engine's own choice; one with a plugin's keeps those."""
        if self.is_remote(network):
            return network
        return replace(network, pools=self._own.choose_pools(network, reserved, gateways))

    async def forget(self, network: Network) -> None:
        """Give all of a network's pools back; content where it has none."""
        if self.is_remote(network):
            await self._remote.give_back(network.id)
        else:
            self._own.forget(network)

    async def reserve(
        self, network: Network, version: int, wanted: IPAddress | None, endpoint: Endpoint, sandbox: Sandbox
    ) -> IPInterface | None:
        """Take an address of a network for an endpoint: the wanted one, or any; None where it has none to give.

        Raises InvalidInput, Forbidden or SystemFailure.
        """
        if self.is_remote(network):
            return await self._remote.lease_address(network, version, wanted, endpoint, sandbox.name)
        return self._own.reserve(network, version, wanted, sandbox.id)

    async def release(self, endpoint: Endpoint) -> None:
        """Give an endpoint's addresses back; content where it has none."""
        if self._remote.owns(endpoint.id):
            await self._remote.give_back(endpoint.id)
            return
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                self._own.release(endpoint.network, address.ip)

    def usage(self, network: Network) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return for each subnet how many addresses are taken and free; a plugin's are not known."""
        return {} if self.is_remote(network) else self._own.usage(network)
