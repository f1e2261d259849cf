"""Through which endpoint a sandbox reaches the outside: pure choice, per IP family.

Docker's order (libnetwork's `Endpoint.Less`): the higher priority, then networks that are not internal, then endpoints
with gateways for more families, then the network's name. The first with a gateway of a family is that family's.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from netwright.controller.api import Attachment
from netwright.host.ops import DeleteRoute, Op, ReplaceRoute
from netwright.model.addressing import IPAddress
from netwright.model.network import Endpoint


class Gateways(Struct, frozen=True):
    """The endpoint that carries the default route of each family, if there is one."""

    ipv4: Attachment | None = None
    ipv6: Attachment | None = None

    def of(self, version: int) -> Attachment | None:
        """Return the endpoint for an IP version (4 or 6)."""
        return self.ipv4 if version == 4 else self.ipv6


def gateway_of(endpoint: Endpoint, version: int) -> IPAddress | None:
    """Return the router that an endpoint offers to a family."""
    return endpoint.gateway4 if version == 4 else endpoint.gateway6


def choose(attachments: Sequence[Attachment]) -> Gateways:
    """Return the gateways of a sandbox with these endpoints."""
    ranked = sorted(attachments, key=_rank)
    return Gateways(_first(ranked, 4), _first(ranked, 6))


def _rank(attachment: Attachment) -> tuple[int, bool, int, str]:
    endpoint, network = attachment.endpoint, attachment.network
    offered = (endpoint.gateway4 is not None) + (endpoint.gateway6 is not None)
    return (-endpoint.spec.gateway_priority, network.internal, -offered, network.name)


def _first(ranked: Sequence[Attachment], version: int) -> Attachment | None:
    for item in ranked:
        if gateway_of(item.endpoint, version) is not None:
            return item
    return None


def route_ops(before: Gateways, after: Gateways, netns: str) -> list[Op]:
    """Return what moves a sandbox's default routes from one choice to another."""
    ops: list[Op] = []
    for version in (4, 6):
        old, new = before.of(version), after.of(version)
        former = None if old is None else _default_route(version, old, netns)
        if new is not None and (old is None or old.endpoint.id != new.endpoint.id):
            ops.append(structs.replace(_default_route(version, new, netns), former=former))
        elif former is not None and new is None:
            ops.append(DeleteRoute(version=version, destination=None, link=former.link, netns=netns, former=former))
    return ops


def _default_route(version: int, item: Attachment, netns: str) -> ReplaceRoute:
    gateway, link = gateway_of(item.endpoint, version), item.endpoint.interface
    return ReplaceRoute(version=version, destination=None, gateway=gateway, link=link, netns=netns)
