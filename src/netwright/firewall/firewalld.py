"""What firewalld is to know of our bridges.

firewalld judges every packet after us, with rules in tables of its own: what our firewall lets through it would still
refuse. So the bridges are in a zone `docker` that accepts, and a policy lets packets from anywhere go on into it, under
the names that Docker uses. Who may reach a container is for our own firewall to say.

An interface is in one zone at most. The one that the administrator chose for a bridge is kept; a bridge that was taken
out of ours by hand stays out for as long as what is done by hand lasts in firewalld: until it reloads.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

ZONE = "docker"
POLICY = "docker-forwarding"
DESCRIPTION = "Bridges of container networks, put here by netwright; their traffic is judged by its own firewall"
"""It tells a zone that we have made from Docker's."""


@dataclass(frozen=True, slots=True)
class Enter:
    """A bridge goes into the zone."""

    interface: str


@dataclass(frozen=True, slots=True)
class Leave:
    """An interface that is no bridge of ours any more leaves the zone."""

    interface: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A bridge stays in the zone in which the administrator has put it."""

    interface: str
    zone: str


Step = Enter | Leave | Elsewhere


def decide(
    looked_at: Collection[str],
    bridges: Collection[str],
    released: Collection[str],
    zones: Mapping[str, Collection[str]],
) -> Sequence[Step]:
    """Return what is to become of interfaces that are, or just were, bridges of ours.

    `released` are those that the administrator took out of the zone; `zones` are the interfaces of each.
    """
    zone_of = {interface: zone for zone, interfaces in zones.items() for interface in interfaces}
    steps: list[Step] = []
    for interface in sorted(looked_at):
        zone = zone_of.get(interface)
        if interface not in bridges:
            if zone == ZONE:
                steps.append(Leave(interface))
        elif zone is None:
            if interface not in released:
                steps.append(Enter(interface))
        elif zone != ZONE:
            steps.append(Elsewhere(interface, zone))
    return steps
