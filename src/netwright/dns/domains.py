"""The domains in which all names are a network's, and nobody else's in the world. Pure.

A resolver of the host can be told to ask us for names in them without anything being taken from anybody.
"""

from collections.abc import Iterable

from netwright.dns.zone import Joined, normal

DOMAIN = "docker.internal"
"""Behind the name of any network it makes such a domain: `internal` is nobody's (ICANN, 2024), the rest is Docker's."""

SUFFIX = f".{DOMAIN}"


def domains(network: str) -> tuple[str, ...]:
    """Return a network's own domains.

    No top-level domain has an underscore, as the networks of Compose have. Other networks may be called like one
    (`shop`, `dev`, `example.org`): such a name alone is left to the world.
    """
    own = normal(network)
    return (own + SUFFIX, own) if "_" in own and "." not in own else (own + SUFFIX,)


def is_below(networks: Iterable[Joined], name: str) -> bool:
    """Tell whether a name lies in a domain of one of some networks."""
    wanted = name.lower()
    if not wanted.endswith(SUFFIX) and "_" not in wanted.rpartition(".")[2]:
        return False
    return any(wanted.endswith(f".{domain}") for item in networks for domain in domains(item.name))
