"""`network create`."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, Kind, Values, switch

_Subnet = IPv4Network | IPv6Network


def _create(call: Call) -> int:
    values = call.values
    body: dict[str, Json] = {
        "Name": call.arguments[0],
        "Driver": values.text("driver"),
        "Scope": values.text("scope"),
        "Internal": values.on("internal"),
        "Attachable": values.on("attachable"),
        "Ingress": values.on("ingress"),
        "ConfigOnly": values.on("config-only"),
        "IPAM": {
            "Driver": values.text("ipam-driver"),
            "Options": _pairs(values.many("ipam-opt")),
            "Config": pools(values),
        },
        "Options": _pairs(values.many("opt")),
        "Labels": _pairs(values.many("label")),
    }
    if values.text("config-from"):
        body["ConfigFrom"] = {"Network": values.text("config-from")}
    for flag, key in (("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")):
        if values.given(flag):  # not sent otherwise: the engine may have another default
            body[key] = values.on(flag)
    answer = call.engine.post("/networks/create", body=body)
    if warning := text(answer, "Warning"):
        call.console.note(f"WARNING: {warning}")
    call.console.line(text(answer, "Id"))
    return 0


def pools(values: Values) -> list[Json]:
    """Return the subnets with the ranges, gateways and addresses that belong to each. Raises CommandFailed.

    Which belongs to which is decided here, as Docker's command line does: the flags are separate lists.
    """
    asked = values.many("subnet")
    if max(len(values.many("ip-range")), len(values.many("gateway"))) > len(asked):
        raise CommandFailed("every ip-range or gateway must have a corresponding subnet")
    if len(asked) == 1 and not any(values.many(flag) for flag in ("ip-range", "gateway", "aux-address")):
        return [{"Subnet": asked[0]}]  # nothing has to be found out about it here
    subnets = [_subnet(written) for written in asked]
    _refuse_overlaps(subnets)
    found: dict[_Subnet, dict[str, Json]] = {
        subnet: {"Subnet": written} for subnet, written in zip(subnets, values.many("subnet"), strict=True)
    }
    for written in values.many("ip-range"):
        span = _subnet(written)
        home = next((subnet for subnet in subnets if _contains(subnet, span)), None)
        if home is None:
            raise CommandFailed(f"no matching subnet for range {written}")
        if "IPRange" in found[home]:
            raise CommandFailed(
                f"cannot configure multiple ranges ({written}, {found[home]['IPRange']}) on the same subnet ({home})"
            )
        found[home]["IPRange"] = str(span)
    for written in values.many("gateway"):
        home = _home(subnets, written, "gateway")
        if "Gateway" in found[home]:
            raise CommandFailed(
                f"cannot configure multiple gateways ({written}, {found[home]['Gateway']}) for the same subnet ({home})"
            )
        found[home]["Gateway"] = written
    _add_auxiliary(values, subnets, found)
    return [*found.values()]


def _add_auxiliary(values: Values, subnets: Sequence[_Subnet], found: dict[_Subnet, dict[str, Json]]) -> None:
    for pair in values.many("aux-address"):
        name, _, address = pair.partition("=")
        own = found[_home(subnets, address, "aux-address")].setdefault("AuxiliaryAddresses", {})
        if isinstance(own, dict):
            own[name] = address


def _home(subnets: Sequence[_Subnet], written: str, what: str) -> _Subnet:
    try:
        address = ip_address(written)
    except ValueError:
        raise CommandFailed(f"no matching subnet for {what} {written}".rstrip()) from None
    for subnet in subnets:
        if address.version == subnet.version and address in subnet:
            return subnet
    raise CommandFailed(f"no matching subnet for {what} {written}")


def _subnet(written: str) -> _Subnet:
    try:
        return ip_network(written, strict=False)  # host bits are for the engine to judge, with its own words
    except ValueError:
        raise CommandFailed(f"invalid CIDR address: {written}") from None


def _refuse_overlaps(subnets: Sequence[_Subnet]) -> None:
    for position, subnet in enumerate(subnets):
        for other in subnets[:position]:
            if _contains(subnet, other) or _contains(other, subnet):
                raise CommandFailed("multiple overlapping subnet configuration is not supported")


def _contains(outer: _Subnet, inner: _Subnet) -> bool:
    if outer.version != inner.version or outer.prefixlen > inner.prefixlen:
        return False
    return inner.network_address in outer


def _pairs(texts: Sequence[str]) -> dict[str, Json]:
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


CREATE = Command(
    "[OPTIONS] NETWORK",
    _create,
    (
        Example("network create back", "a network whose subnet the engine chooses"),
        Example("network create --subnet 10.9.0.0/24 --ip-range 10.9.0.128/25 back", "with a subnet of one's own"),
        Example("network create --ipv6 --internal vault", "both families, and no way out"),
        Example("network create -o com.docker.network.driver.mtu=1400 slim", "with an option of the driver"),
    ),
    flags=(
        switch("attachable", "Let containers be attached by hand (swarm)"),
        Flag("aux-address", "Address that is not to be given out, name=address", Kind.LIST, takes="address"),
        Flag("config-from", "Take the configuration of this network", takes="network", offers=("networks",)),
        switch("config-only", "Make only a configuration, for others"),
        Flag("driver", "Driver", short="d", default="bridge", offers=("bridge", "macvlan", "ipvlan", "overlay")),
        Flag("gateway", "Gateway of a subnet", Kind.LIST, takes="address"),
        switch("ingress", "Make it swarm's routing mesh"),
        switch("internal", "Let nothing out and nothing in"),
        Flag("ip-range", "Give out addresses of this range only", Kind.LIST, takes="subnet"),
        Flag("ipam-driver", "Who gives out addresses", default="default", takes="driver"),
        Flag("ipam-opt", "Option for that, name=value", Kind.LIST, takes="option"),
        switch("ipv4", "Give out IPv4 addresses", default=True),
        switch("ipv6", "Give out IPv6 addresses"),
        Flag("label", "Attach a label, name=value", Kind.LIST),
        Flag("opt", "Option for the driver, name=value", Kind.LIST, "o", takes="option"),
        Flag("scope", "How far the network reaches", offers=("local", "swarm")),
        Flag("subnet", "Subnet, such as 10.9.0.0/24", Kind.LIST, takes="subnet"),
    ),
    least=1,
    most=1,
)
