"""Several IPAM drivers behind one face: each network keeps to the one that it was made with. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from netwright.errors import NotFound
from netwright.ipam.api import BOTH, Ipam
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Pool


class IpamByDriver:
    """Asks the IPAM driver that a network names: an implementation of `ipam.api.Ipam`."""

    def __init__(self, drivers: Mapping[str, Ipam]) -> None:
        self._drivers = drivers
        self._of: dict[Id, Ipam] = {}

    def restore(self, networks: Iterable[Network], endpoints: Iterable[Endpoint]) -> None:
        """Let each driver learn what is taken from it."""
        theirs: dict[str, list[Network]] = {}
        for network in networks:
            if network.pools:
                self._of[network.id] = self._driver(network)
                theirs.setdefault(network.ipam_driver, []).append(network)
        known = [endpoint for endpoint in endpoints if endpoint.network in self._of]
        for name, group in theirs.items():
            driver = self._drivers[name]
            driver.restore(group, [endpoint for endpoint in known if self._of[endpoint.network] is driver])

    def choose_pools(
        self, network: Network, reserved: Sequence[IPNetwork], gateways: Collection[int] = BOTH
    ) -> tuple[Pool, ...]:
        """Return what the network's driver decides. Raises NotFound where there is no such driver."""
        driver = self._driver(network)
        pools = driver.choose_pools(network, reserved, gateways)
        self._of[network.id] = driver
        return pools

    def forget(self, network: Network) -> None:
        """Give all of a network's pools back."""
        if (driver := self._of.pop(network.id, None)) is not None:
            driver.forget(network)

    def reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: Id) -> IPInterface | None:
        """Take an address of a network."""
        return self._of[network.id].reserve(network, version, wanted, holder)

    def release(self, network: Id, address: IPAddress) -> None:
        """Give an address back; content where the network is gone."""
        if (driver := self._of.get(network)) is not None:
            driver.release(network, address)

    def usage(self, network: Network) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return how full the network's subnets are."""
        driver = self._of.get(network.id)
        return {} if driver is None else driver.usage(network)

    def _driver(self, network: Network) -> Ipam:
        try:
            return self._drivers[network.ipam_driver]
        except KeyError:
            raise NotFound(f'plugin "{network.ipam_driver}" not found') from None
