"""Which pools a network needs. Pure."""

from netwright.model.addressing import ANY_SUBNET
from netwright.model.network import Network, Pool


def pools_needed(network: Network) -> list[Pool]:
    """Return the pools of a network's families, IPv4 first: those asked for, or any for a family without."""
    needed: list[Pool] = []
    for version, enabled in ((4, network.ipv4), (6, network.ipv6)):
        if enabled:
            asked = [pool for pool in network.pools if pool.subnet.version == version]
            needed.extend(asked or [Pool(subnet=ANY_SUBNET[version])])
    return needed
