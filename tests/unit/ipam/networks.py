"""Networks and endpoints as the tests of IPAM need them."""

from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_network

from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool


def pool(subnet: str, span: str = "", gateway: str = "", **auxiliary: str) -> Pool:
    """Return a pool as a user asks for it."""
    return Pool(
        subnet=ip_network(subnet),
        range=ip_network(span) if span else None,
        gateway=ip_address(gateway) if gateway else None,
        auxiliary={name: ip_address(address) for name, address in auxiliary.items()},
    )


def network(name: str, *pools: Pool, ipv4: bool = True, ipv6: bool = False, ipam_driver: str = "default") -> Network:
    """Return a network whose id is its name."""
    return Network(
        id=Id(name),
        name=name,
        driver="bridge",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        ipv4=ipv4,
        ipv6=ipv6,
        ipam_driver=ipam_driver,
        pools=pools,
    )


def endpoint(on: str, sandbox: str, ipv4: str = "", ipv6: str = "") -> Endpoint:
    """Return an endpoint of a sandbox on a network."""
    return Endpoint(
        id=Id(f"{on}/{sandbox}"),
        network=Id(on),
        sandbox=Id(sandbox),
        spec=EndpointSpec(),
        order=0,
        ipv4=IPv4Interface(ipv4) if ipv4 else None,
        ipv6=IPv6Interface(ipv6) if ipv6 else None,
    )
