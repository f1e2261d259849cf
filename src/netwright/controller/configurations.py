"""Configuration networks: what may be asked of one, and what a network takes from it. Pure, in Docker's words.

A configuration network is a name for a subnet, options and labels. No driver knows of it and nobody can join it; other
networks are made from it, and while there is one that was, it stays.
"""

from collections.abc import Iterable
from dataclasses import replace

from netwright.controller.api import NetworkRequest
from netwright.errors import Forbidden, NotFound
from netwright.model.network import Network

DRIVER = "null"
"""What is shown as the driver of a configuration network."""


def check_configuration(request: NetworkRequest) -> None:
    """Refuse what a configuration network, or a network made from one, cannot be asked for."""
    if request.config_only and (request.ingress or request.internal or request.attachable or request.scope):
        raise Forbidden(
            "configuration network can only contain network specific fields. Network operator fields like "
            "[ ingress | internal | attachable | scope ] are not supported."
        )
    if not request.config_from:
        return
    if request.config_only:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    families = (request.ipv4, request.ipv6) != (True, False)
    if families or request.labels or request.ipam_options or request.pools or request.ipam_driver != "default":
        raise Forbidden(
            "user-specified configurations are not supported if the network depends on a configuration network"
        )
    if request.options:
        raise Forbidden("network driver options are not supported if the network depends on a configuration network")


def configured(request: NetworkRequest, networks: Iterable[Network]) -> NetworkRequest:
    """Return a request with what the configuration network that it names says. Raises NotFound."""
    if not request.config_from:
        return request
    for source in networks:
        if source.config_only and source.name == request.config_from:
            return replace(
                request,
                ipv4=source.ipv4,
                ipv6=source.ipv6,
                labels=source.labels,
                ipam_driver=source.ipam_driver,
                ipam_options=source.ipam_options,
                pools=source.pools,
                options=source.options,
            )
    raise NotFound(f'configuration network "{request.config_from}" does not exist')


def refuse_used(configuration: Network, networks: Iterable[Network]) -> None:
    """Refuse the removal of a configuration that networks are made from."""
    users = [network.name for network in networks if network.config_from == configuration.name]
    if configuration.config_only and users:
        raise Forbidden(
            f'error while removing network: configuration network "{configuration.name}" is in use '
            f"(by {', '.join(users)})"
        )
