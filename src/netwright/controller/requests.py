"""Whether what is asked of an endpoint can be right, in Docker's words. Pure."""

from collections.abc import Sequence

from netwright.drivers.endpoint_options import endpoint_faults
from netwright.errors import Forbidden, InvalidInput
from netwright.model.addressing import IPAddress
from netwright.model.network import EndpointSpec, Network

DEFAULT_BRIDGE = "bridge"
HOST = "host"
NONE = "none"
PREDEFINED = frozenset((DEFAULT_BRIDGE, HOST, NONE, "default"))
"""Names of networks that are the engine's own."""


def is_user_defined(network: Network) -> bool:
    """Tell whether a user made this network."""
    return network.name not in PREDEFINED


def check_spec(network: Network, spec: EndpointSpec, unknown: Sequence[str] = ()) -> None:
    """Refuse what cannot be asked of an endpoint on this network: all faults in one InvalidInput.

    `unknown` is what is wrong with the names of its options. Raises Forbidden where there can be no endpoint at all.
    """
    if network.config_only:
        raise Forbidden("cannot create endpoint on configuration-only network")
    faults = [*_address_faults(network, spec), *endpoint_faults(spec), *unknown]
    if spec.aliases and not is_user_defined(network):
        faults.append("network-scoped aliases are only supported for user-defined networks")
    if faults:
        raise InvalidInput("invalid endpoint settings:\n" + "\n".join(faults))


def _address_faults(network: Network, spec: EndpointSpec) -> list[str]:
    wanted = [address for address in (spec.ipv4, spec.ipv6) if address is not None]
    faults = []
    if wanted and not is_user_defined(network):
        faults.append("user-specified IP address is supported on user-defined networks only")
    else:
        faults.extend(
            f"no configured subnet contains IP address {address}"
            for address in wanted
            if not _covered(network, address)
        )
    faults.extend(
        f"invalid link-local IP address: {address}" for address in spec.link_local if not address.is_link_local
    )
    return faults


def _covered(network: Network, address: IPAddress) -> bool:
    """Tell whether a subnet of the network has an address; idle ones count, as in Docker, though nothing is taken."""
    return any(
        pool.subnet.version == address.version and address in pool.subnet for pool in (*network.pools, *network.idle)
    )


def check_together(networks: Sequence[Network]) -> None:
    """Refuse networks that one sandbox cannot have at once."""
    if len(networks) < 2:
        return
    names = {network.name for network in networks}
    if NONE in names:
        raise InvalidInput(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    if HOST in names:
        raise InvalidInput(
            "container sharing network namespace with another container or host cannot be connected to any other "
            "network"
        )
