"""The difference between two shapes of a sandbox, as operations.

A shape is what a sandbox looks like from outside: its endpoints with their addresses and granted ports. Opening goes
from nothing to a shape, closing from a shape to nothing, connecting, disconnecting and publishing from one to another:
they are all this one pure function, so what one of them makes the others know how to take away.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from msgspec import Struct, field, structs

from netwright.controller import gateways
from netwright.controller.api import Attachment
from netwright.controller.naming import names as naming
from netwright.drivers.api import Driver
from netwright.firewall.intent import EndpointIntent, Intent
from netwright.host.ops import ForgetFlows, Op, RelayPort, ReleasePort, SetLinkUp, SetSysctl
from netwright.model.addressing import IPAddress
from netwright.model.names import Id
from netwright.model.network import Endpoint, Sandbox
from netwright.model.ports import PortBinding, Protocol
from netwright.publish.allocate import RelayPolicy


class Change(Struct, frozen=True, kw_only=True):
    """What leads from one shape to another. The firewall's part goes first, so that nothing is up before its guard.

    `add` and `remove` are all intents of the endpoints that differ: what both want the backend leaves alone, since two
    intents of one endpoint may want one and the same rule. No two endpoints do.

    `detached`, `abandoned` and `released` are what is left over of the old shape. They come last, because they cannot
    be taken back: when they are done the new shape stands.
    """

    add: tuple[Intent, ...] = ()
    remove: tuple[Intent, ...] = ()
    links: tuple[Op, ...] = ()
    ports: tuple[Op, ...] = ()
    flows: tuple[Op, ...] = ()
    detached: tuple[Op, ...] = ()
    abandoned: tuple[Op, ...] = ()
    released: tuple[Op, ...] = ()
    names: naming.NameChange = field(default_factory=naming.NameChange)


class Means(Struct, frozen=True):
    """What shapes are made with."""

    drivers: Mapping[str, Driver]
    relays: RelayPolicy
    names: Callable[[], naming.NameRules] = naming.NameRules
    """What is to be known of names; asked each time, since addresses of the host may change."""


def difference(
    means: Means,
    before: Sequence[Attachment],
    after: Sequence[Attachment],
    netns: str,
) -> Change:
    """Return what turns one shape of a sandbox into another, for a namespace pinned at `netns`."""
    drivers = means.drivers
    old = {item.endpoint.id: item for item in before}
    new = {item.endpoint.id: item for item in after}
    add, remove = _intents(drivers, _differing(after, old)), _intents(drivers, _differing(before, new))
    bound, binding = _bindings(before), _bindings(after)
    return Change(
        add=add,
        remove=remove,
        links=_outer_ends_last(
            [
                *_attached(drivers, old, new, netns),
                *gateways.route_ops(gateways.choose(before), gateways.choose(after), netns),
            ]
        ),
        ports=tuple(_relays(means.relays, bound, binding)),
        flows=(*_changed_flows(bound, binding, new), *_closed_flows(before, after)),
        abandoned=tuple(_abandoned_flows(before, after, remove)),
        detached=tuple(_detached(drivers, old, new, netns)),
        released=tuple(_released(bound, binding)),
        names=naming.difference(before, after, netns, means.names()),
    )


def _outer_ends_last(ops: Sequence[Op]) -> tuple[Op, ...]:
    """Return operations with those last that bring the host's ends up: what goes inside goes to the kernel at once."""
    return tuple(sorted(ops, key=lambda op: isinstance(op, SetLinkUp) and op.netns is None))


def _differing(shape: Sequence[Attachment], other: Mapping[Id, Attachment]) -> list[Attachment]:
    """Return the endpoints of which the other shape has another row, or none: equal rows may differ in sources."""
    found = []
    for item in shape:
        there = other.get(item.endpoint.id)
        if there is None or there.endpoint is not item.endpoint:
            found.append(item)
    return found


def _intents(drivers: Mapping[str, Driver], shape: Sequence[Attachment]) -> tuple[Intent, ...]:
    return tuple(
        intent
        for item in shape
        for intent in drivers[item.network.driver].endpoint_intents(item.network, item.endpoint)
    )


def _detached(
    drivers: Mapping[str, Driver], old: Mapping[Id, Attachment], new: Mapping[Id, Attachment], netns: str
) -> list[Op]:
    return [
        op
        for identity, item in old.items()
        if identity not in new
        for op in drivers[item.network.driver].detach(item.network, item.endpoint, netns)
    ]


def _attached(
    drivers: Mapping[str, Driver], old: Mapping[Id, Attachment], new: Mapping[Id, Attachment], netns: str
) -> list[Op]:
    return [
        op
        for identity, item in new.items()
        if identity not in old
        for op in drivers[item.network.driver].attach(item.network, item.endpoint, netns)
    ]


_Bound = Mapping[PortBinding, Endpoint]
"""What is published on the host, each with the endpoint that it leads to."""


def _bindings(shape: Sequence[Attachment]) -> _Bound:
    return {binding: item.endpoint for item in shape for binding in item.endpoint.bindings if binding.host_port}


def _relays(policy: RelayPolicy, old: _Bound, new: _Bound) -> list[Op]:
    """Return what starts relays, for the ports whose packets the kernel does not carry."""
    ops: list[Op] = []
    for binding, endpoint in new.items():
        wanted = _relay(policy, binding, endpoint)
        former = _relay(policy, binding, old[binding]) if old and binding in old else None
        if wanted is not None and wanted != former:
            ops.append(structs.replace(wanted, former=former))
    return ops


def _relay(policy: RelayPolicy, binding: PortBinding, endpoint: Endpoint) -> RelayPort | None:
    target = policy.target(binding, endpoint)
    if target is None:
        return None
    return RelayPort(
        protocol=binding.port.protocol,
        address=binding.host_ip,
        port=binding.host_port,
        to_address=target,
        to_port=binding.port.number,
    )


def _released(old: _Bound, new: _Bound) -> list[Op]:
    """Return what closes the ports that are given up."""
    return [
        ReleasePort(protocol=binding.port.protocol, address=binding.host_ip, port=binding.host_port)
        for binding in old
        if not new or binding not in new
    ]


def _changed_flows(old: _Bound, new: _Bound, left: Collection[Id]) -> list[Op]:
    """Return what makes senders of datagrams notice that a port leads elsewhere, or nowhere; `left` are endpoints."""
    return [
        op
        for binding in (*old, *(binding for binding in new if not old or binding not in old))
        if binding.port.protocol is Protocol.UDP and old.get(binding) != new.get(binding)
        for op in (
            ForgetFlows(
                protocol=Protocol.UDP,
                address=None if binding.host_ip.is_unspecified else binding.host_ip,
                port=binding.host_port,
            ),
            *(_answers(old[binding], binding) if binding in old and old[binding].id in left else ()),
        )
    ]


def _closed_flows(before: Sequence[Attachment], after: Sequence[Attachment]) -> list[Op]:
    """Return what shuts out senders of datagrams to ports that are no more open at endpoints' own addresses.

    A flow that stands is let through whatever is open.
    """
    kept = {(item.endpoint.id, binding.port) for item in after for binding in _opened_directly(item)}
    return [
        op
        for item in before
        for binding in _opened_directly(item)
        if (item.endpoint.id, binding.port) not in kept
        for op in (
            *(
                ForgetFlows(protocol=Protocol.UDP, address=own, port=binding.port.number)
                for own in _addresses(item.endpoint)
                if own.version == binding.host_ip.version
            ),
            *_answers(item.endpoint, binding),
        )
    ]


def _opened_directly(item: Attachment) -> Iterator[PortBinding]:
    """Yield the ports for datagrams that are opened at an endpoint's own address."""
    return (b for b in item.endpoint.bindings if not b.host_port and b.port.protocol is Protocol.UDP)


def _answers(endpoint: Endpoint, binding: PortBinding) -> list[Op]:
    """Return what forgets the flows that answers out of a port have begun."""
    return [
        ForgetFlows(protocol=Protocol.UDP, address=own, port=binding.port.number, sent=True)
        for own in _addresses(endpoint)
    ]


def _abandoned_flows(
    before: Sequence[Attachment], after: Sequence[Attachment], old: Sequence[Intent]
) -> list[ForgetFlows]:
    """Return what forgets the flows of endpoints that are gone, once nothing can come from them any more.

    The next endpoint that has the address would get what belongs to them: what strangers send to it where they may, and
    what senders that never pause go on to send to a port for datagrams.
    """
    left = {address for item in after for address in _addresses(item.endpoint)}
    direct = [one.address for one in old if isinstance(one, EndpointIntent) and one.is_reached_directly]
    answering = [
        address
        for item in before
        if any(binding.port.protocol is Protocol.UDP for binding in item.endpoint.bindings)
        for address in _addresses(item.endpoint)
    ]
    senders = dict.fromkeys((*direct, *answering))
    return [
        ForgetFlows(protocol=Protocol.UDP, address=address, port=None, sent=sent)
        for address, sent in (*((one, False) for one in direct), *((one, True) for one in senders))
        if address not in left
    ]


def _addresses(endpoint: Endpoint) -> list[IPAddress]:
    return [interface.ip for interface in (endpoint.ipv4, endpoint.ipv6) if interface is not None]


def sysctl_ops(row: Sandbox, netns: str) -> list[Op]:
    """Return what sets the sysctls that were asked for a stack."""
    return [SetSysctl(key=key.replace(".", "/"), value=value, netns=netns) for key, value in row.sysctls.items()]


def inheriting(kept: Sequence[Attachment], gone: Sequence[Endpoint]) -> list[Attachment]:
    """Return the endpoints of a closed sandbox with the numbers of those that leave: the first remembers them."""
    if not kept or not gone:
        return list(kept)
    first, *others = kept
    numbers = (*first.endpoint.bindings, *(binding for endpoint in gone for binding in endpoint.bindings))
    return [structs.replace(first, endpoint=replace(first.endpoint, bindings=numbers)), *others]
