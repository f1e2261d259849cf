"""Docker's IPAM plugin protocol as values: what is asked of a plugin, and what its answers mean. Pure.

The source is libnetwork's `docs/ipam.md` and what Docker's daemon sends. An answer of status 200 with an `Error` is a
refusal like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

import msgspec

from netwright.errors import SystemFailure
from netwright.model.addressing import ANY_SUBNET, IPAddress, IPInterface, IPNetwork, Mac
from netwright.model.network import Pool
from netwright.plugins.api import Wire

SUBSYSTEM = "IpamDriver"
"""What a plugin says that it implements, and what its methods' names begin with."""

_GATEWAY = "com.docker.network.gateway"
_ADDRESS_TYPE = "RequestAddressType"
_ENDPOINT_NAME = "com.docker.network.endpoint.name"
_ENDPOINT_MAC = "com.docker.network.endpoint.macaddress"

GATEWAY_OPTIONS: Mapping[str, str] = {_ADDRESS_TYPE: _GATEWAY}
"""What is said with the request for a gateway's address."""


class PoolWanted(Wire):
    """The request of `RequestPool`; an empty pool is any."""

    address_space: str
    pool: str
    sub_pool: str
    options: dict[str, str] | None
    v6: bool


class AddressWanted(Wire):
    """The request of `RequestAddress`; an empty address is any."""

    pool_id: str = msgspec.field(name="PoolID")
    address: str
    options: dict[str, str] | None


class PoolGivenBack(Wire):
    """The request of `ReleasePool`."""

    pool_id: str = msgspec.field(name="PoolID")


class AddressGivenBack(Wire):
    """The request of `ReleaseAddress`."""

    pool_id: str = msgspec.field(name="PoolID")
    address: str


class Answer(Wire):
    """What every answer may hold, and all that some hold."""

    error: str = ""


class CapabilitiesSaid(Answer):
    """The answer of `GetCapabilities`."""

    requires_mac_address: bool = msgspec.field(default=False, name="RequiresMACAddress")
    requires_request_replay: bool = False


class SpacesSaid(Answer):
    """The answer of `GetDefaultAddressSpaces`."""

    local_default_address_space: str = ""
    global_default_address_space: str = ""


class PoolSaid(Answer):
    """The answer of `RequestPool`."""

    pool_id: str = msgspec.field(default="", name="PoolID")
    pool: str = ""
    data: dict[str, str] | None = None


class AddressSaid(Answer):
    """The answer of `RequestAddress`."""

    address: str = ""
    data: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPool:
    """A pool that a plugin has given: its own name for it, the subnet, and a gateway where it has chosen one."""

    id: str
    subnet: IPNetwork
    gateway: IPAddress | None


def pool_wanted(space: str, pool: Pool, options: Mapping[str, str] | None) -> PoolWanted:
    """Return the request for a pool; one without a subnet of its own is any of its family."""
    version = pool.subnet.version
    return PoolWanted(
        address_space=space,
        pool="" if pool.subnet == ANY_SUBNET[version] else str(pool.subnet),
        sub_pool=str(pool.range or ""),
        options=None if options is None else dict(options),
        v6=version == 6,
    )


def address_wanted(pool_id: str, address: IPAddress | None, options: Mapping[str, str] | None) -> AddressWanted:
    """Return the request for an address, or for any."""
    return AddressWanted(
        pool_id=pool_id,
        address="" if address is None else str(address),
        options=None if options is None else dict(options),
    )


def endpoint_options(name: str, mac: Mac | None) -> dict[str, str]:
    """Return what is said with the request for an endpoint's address; the MAC where the plugin needs it."""
    options = {_ENDPOINT_NAME: name}
    if mac is not None:
        options[_ENDPOINT_MAC] = str(mac)
    return options


def check(answer: Answer) -> None:
    """Raise SystemFailure, in Docker's words, where an answer is a refusal."""
    if answer.error:
        raise SystemFailure(f"remote: {answer.error}")


def read_pool(said: PoolSaid, version: int) -> GivenPool:
    """Return the pool of an answer. Raises SystemFailure where it makes no sense."""
    try:
        subnet = ip_network(said.pool, strict=False)
    except ValueError:
        raise SystemFailure(f"remote: the plugin gave {said.pool!r} as a pool, which is no subnet") from None
    if subnet.version != version:
        raise SystemFailure(f"remote: the plugin gave {subnet} where an IPv{version} pool was asked for")
    return GivenPool(id=said.pool_id, subnet=subnet, gateway=_gateway(said.data or {}, subnet))


def _gateway(data: Mapping[str, str], subnet: IPNetwork) -> IPAddress | None:
    text = data.get(_GATEWAY, "")
    if not text:
        return None
    try:
        gateway = ip_interface(text).ip
    except ValueError as error:
        raise SystemFailure(f"failed to parse gateway address ({text}) returned by ipam driver: {error}") from None
    if gateway not in subnet:
        raise SystemFailure(f"remote: the plugin gave {gateway} as the gateway, which is not in its pool {subnet}")
    return gateway


def read_address(said: AddressSaid, subnet: IPNetwork, wanted: IPAddress | None) -> IPInterface:
    """Return the address of an answer with its prefix. Raises SystemFailure where it is not what was asked for."""
    if not said.address:
        raise SystemFailure("remote: the plugin gave no address")
    try:
        given = ip_interface(said.address)
    except ValueError:
        raise SystemFailure(f"remote: the plugin gave {said.address!r}, which is no address") from None
    if "/" not in said.address:
        raise SystemFailure(f"remote: the plugin gave {said.address} without the length of its prefix")
    if given.ip not in subnet:
        raise SystemFailure(f"remote: the plugin gave {given.ip}, which is not in its pool {subnet}")
    if wanted is not None and given.ip != wanted:
        raise SystemFailure(f"remote: the plugin gave {given.ip} where {wanted} was asked for")
    return given
