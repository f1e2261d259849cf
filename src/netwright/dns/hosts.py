"""/etc/hosts of a sandbox, as Docker writes it (libnetwork's etchosts). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, parse_address

HOST_GATEWAY = "host-gateway"
"""What `--add-host name:host-gateway` calls the addresses under which the host is reached."""

_LOOPBACK4 = (("127.0.0.1", "localhost"),)
_LOOPBACK6 = (
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: an address and its names."""

    address: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.address}\t{' '.join(self.names)}"


def extra_entries(asked: Sequence[str], host_gateways: Sequence[IPAddress]) -> list[Entry]:
    """Return the lines for `--add-host` values, `name:address` or `name=address`; order kept.

    Raises InvalidInput in Docker's words, also where host-gateway is asked for and the host has no such address.
    """
    entries: list[Entry] = []
    for text in asked:
        name, address = split_extra(text)
        if address == HOST_GATEWAY:
            if not host_gateways:
                raise InvalidInput(
                    "unable to derive the IP value for host-gateway: there is no default bridge; name it with "
                    "--host-gateway-ip"
                )
            entries.extend(Entry(str(gateway), (name,)) for gateway in host_gateways)
        else:
            entries.append(Entry(address, (name,)))
    return entries


def split_extra(text: str) -> tuple[str, str]:
    """Return name and address (or `host-gateway`) of an `--add-host` value. Raises InvalidInput in Docker's words."""
    separator = "=" if "=" in text else ":"
    name, _, address = text.partition(separator)
    if not name or not address or not name.isprintable() or len(name.split()) != 1:
        raise InvalidInput(f'bad format for add-host: "{text}"')
    return name, address if address == HOST_GATEWAY else _checked(address)


def _checked(address: str) -> str:
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        return str(parse_address(bare))
    except InvalidInput:
        raise InvalidInput(f'invalid IP address in add-host: "{address}"') from None


def own_names(hostname: str, domainname: str) -> tuple[str, ...]:
    """Return the names of a container in its own file: the full one first, then the short one."""
    full = f"{hostname}.{domainname}" if domainname else hostname
    return (full, hostname) if full != hostname else (hostname,)


def build(extra: Sequence[Entry], own: Sequence[Entry], *, ipv6: bool) -> str:
    """Return the whole file: loopback, what was asked for, and the sandbox's own addresses."""
    loopback = [*_LOOPBACK4, *(_LOOPBACK6 if ipv6 else ())]
    lines = [f"{address}\t{names}" for address, names in loopback]
    return "\n".join([*lines, *map(str, extra), *map(str, own)]) + "\n"
