"""Zones between the engine and its resolver, as JSON. Pure."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from netwright.dns.explain import Explanation
from netwright.dns.zone import Joined, Member, View


def dump_view(view: View) -> str:
    """Return a view as one line of text."""
    return json.dumps(
        [
            _listed(view.networks),
            view.servers,
            view.egress,
            view.ndots,
            [address.hex() for address in view.host],
            [address.hex() for address in view.gateway],
            view.ttl,
            view.title,
            view.outside,
        ]
    )


def dump_networks(networks: Iterable[Joined]) -> str:
    """Return networks as one line of text."""
    return json.dumps(_listed(networks))


def load_networks(text: str) -> tuple[Joined, ...]:
    """Read networks. Raises ValueError, TypeError for what is none."""
    return _networks(json.loads(text))


def _listed(networks: Iterable[Joined]) -> list[Any]:
    return [[item.id, item.name, dict(item.links)] for item in networks]


def _networks(listed: Any) -> tuple[Joined, ...]:
    return tuple(Joined(id=identity, name=name, links=links) for identity, name, links in listed)


def load_view(text: str) -> View:
    """Read a view. Raises ValueError, TypeError for what is none."""
    networks, servers, egress, ndots, host, gateway, ttl, title, outside = json.loads(text)
    return View(
        networks=_networks(networks),
        servers=tuple(map(str, servers)),
        egress=bool(egress),
        ndots=bool(ndots),
        host=tuple(map(bytes.fromhex, host)),
        gateway=tuple(map(bytes.fromhex, gateway)),
        ttl=int(ttl),
        title=str(title),
        outside=bool(outside),
    )


def dump_explanation(explanation: Explanation) -> str:
    """Return an explanation as one line of text."""
    return json.dumps(asdict(explanation))


def load_explanation(text: str) -> Explanation:
    """Read an explanation. Raises ValueError, TypeError for what is none."""
    loaded: dict[str, Any] = json.loads(text)
    told, servers = tuple(loaded.pop("told")), tuple(loaded.pop("servers"))
    return Explanation(**loaded, told=told, servers=servers)


def dump_members(members: Iterable[Member]) -> str:
    """Return endpoints as one line of text."""
    return json.dumps([[m.network, m.endpoint, m.names, [address.hex() for address in m.addresses]] for m in members])


def load_members(text: str) -> list[Member]:
    """Read endpoints. Raises ValueError, TypeError for what is none."""
    loaded: Any = json.loads(text)
    return [
        Member(
            network=str(network),
            endpoint=str(endpoint),
            names=tuple(map(str, names)),
            addresses=tuple(map(bytes.fromhex, addresses)),
        )
        for network, endpoint, names, addresses in loaded
    ]
