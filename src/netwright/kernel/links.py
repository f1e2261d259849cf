"""What is done to links, addresses and routes: one function an operation."""

import errno
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from netwright.errors import OperationFailed
from netwright.host import ops
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.socket import NetlinkError
from netwright.kernel.stack import Stack, refused

BRIDGE_PORTS = 1023
"""How many ports the kernel gives a bridge (BR_MAX_PORTS less the reserved 0)."""

_PARKED = 0x10000000
_PARKED_NAME = "nwx"


def parked_group(group: int) -> int:
    """Return the group of links on their way out: never the group that they come from."""
    return group ^ _PARKED


def _request(stack: Stack, what: str, batch: Sequence[bytearray], content: Collection[int] = ()) -> None:
    """Send messages; errors whose number is in `content` mean that it is so already."""
    try:
        stack.netlink.request(batch, content=content)
    except NetlinkError as error:
        raise refused(what, error) from error


def add_bridge(home: Stack, op: ops.AddBridge) -> None:
    """Make a bridge."""
    try:
        home.netlink.request([rt.add_bridge(op.name, op.mac, op.mtu, op.group)])
    except NetlinkError as error:
        if error.errno == errno.EEXIST:
            raise OperationFailed(
                f"an interface named {op.name} is here already and is not ours: choose another name, or use it as it "
                "is with --bridge (default network) or com.docker.network.bridge.name",
                errno=errno.EEXIST,
            ) from error
        raise refused(f"making bridge {op.name}", error) from error


def add_veth(home: Stack, inside: Stack, op: ops.AddVeth) -> None:
    """Make a veth pair, its host end a port of a bridge."""
    if inside.descriptor is None:
        raise OperationFailed(f"{op.name} has no namespace to go to")
    request = rt.add_veth(
        host=(op.host_name, op.host_mac),
        master=home.index(op.bridge),
        peer=(op.name, op.mac),
        netns=inside.descriptor,
        mtu=op.mtu,
        group=op.group,
    )
    try:
        home.netlink.request([request])
    except NetlinkError as error:
        raise _no_veth(op, error) from error
    try:
        _set_up_port(home, op.host_name, hairpin=op.hairpin)
    except OperationFailed:
        discard(home, op.host_name)
        raise


def join_bridge(home: Stack, op: ops.JoinBridge) -> None:
    """Make a link a port of a bridge again."""
    _request(home, f"putting {op.name} on {op.bridge}", [rt.join_bridge(op.name, home.index(op.bridge))])
    _set_up_port(home, op.name, hairpin=op.hairpin)


def _set_up_port(home: Stack, name: str, *, hairpin: bool) -> None:
    """Make a bridge's port of a link, also on a kernel without IPv6."""
    try:
        home.netlink.request([rt.set_up_port(name, hairpin=hairpin)])
    except NetlinkError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise refused(f"setting up {name}", error) from error
        if hairpin:
            _request(home, f"setting up {name}", [rt.set_up_port(name, hairpin=True, ipv6=False)])


def _no_veth(op: ops.AddVeth, error: NetlinkError) -> OperationFailed:
    """Return why a veth pair cannot be made."""
    if error.errno == errno.EXFULL:
        return OperationFailed(
            f"bridge {op.bridge} is full: the kernel gives a bridge {BRIDGE_PORTS} ports; use a second network",
            errno=errno.EXFULL,
        )
    if error.errno == errno.EOPNOTSUPP:
        return OperationFailed(f"{op.bridge} is no bridge: {op.host_name} cannot join it", errno=errno.EOPNOTSUPP)
    if error.errno == errno.EEXIST:
        return OperationFailed(
            f"making {op.host_name} and {op.name}: an interface has one of these names already", errno=errno.EEXIST
        )
    return refused(f"making {op.host_name} and {op.name}", error)


def discard(home: Stack, name: str) -> None:
    """Delete a link that could not be finished, and wait for it."""
    _request(home, f"deleting {name}", [rt.delete_link(home.index(name))])


def delete_link(home: Stack, op: ops.DeleteLink, group: int) -> bool:
    """Take a link out of service; return whether there was one, which then waits for `reap`.

    Deleting one link makes the caller wait 16 ms and more, until the whole kernel has let go of it. Parked, it is off
    its bridge, its name and its addresses at once, and a whole group is reaped for the price of one.
    """
    index = home.find(op.name)
    if index is None:
        return False
    batch = [rt.delete_address(index, address) for address in home.addresses(index)]
    batch.append(rt.park_link(index, _parked_name(index), parked_group(group)))
    _rename(home, f"parking {op.name}", index, batch)
    return True


def reap(home: Stack, group: int) -> None:
    """Delete all parked links."""
    _request(home, "deleting parked links", [rt.delete_group(parked_group(group))], content=(errno.ENODEV,))


def retire_link(stack: Stack, op: ops.RetireLink) -> None:
    """Free a link's name and take its addresses, in one system call; content when there is none."""
    index = stack.find(op.name)
    if index is None:
        return
    batch = [rt.delete_address(index, address) for address in op.addresses]
    batch.append(rt.rename_link(index, _parked_name(index)))
    _rename(stack, f"retiring {op.name}", index, batch)


def _parked_name(index: int) -> str:
    return f"{_PARKED_NAME}{index}"


def is_parked(name: str) -> bool:
    """Tell whether a link of this name is one that was taken out of service, and waits to be deleted."""
    return name.startswith(_PARKED_NAME) and name.removeprefix(_PARKED_NAME).isdecimal()


def _rename(stack: Stack, what: str, index: int, batch: Sequence[bytearray]) -> None:
    """Send messages that end in a rename; what is gone already is well."""
    content = (errno.EADDRNOTAVAIL, errno.ENODEV)
    try:
        stack.netlink.request(batch, content=content)
    except NetlinkError as error:
        if error.errno != errno.EBUSY:
            raise refused(what, error) from error
        # Before 6.2 the kernel renames no link that is up. Taking it down costs some milliseconds more.
        _request(stack, what, [rt.set_down(index), *batch], content=content)


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that is messages and nothing else; errors whose number is in `content` mean that it is so already.

    `what` is said of a failure: it is made up only then.
    """

    what: Callable[[], str]
    messages: Sequence[bytearray]
    content: Collection[int] = ()


def asked(stack: Stack, op: ops.Op) -> Asked:
    """Return what an operation of `MESSAGES` asks of the kernel. Raises OperationFailed where its link is missing."""
    match op:
        case ops.SetLinkUp():
            return Asked(lambda: f"bringing {op.name} up", [rt.set_up(op.name)])
        case ops.SetLinkMtu():
            return Asked(lambda: f"setting the MTU of {op.name} to {op.mtu}", [rt.set_mtu(op.name, op.mtu)])
        case ops.AddAddress():
            message = rt.add_address(stack.index(op.link), op.address)
            return Asked(lambda: f"giving {op.address} to {op.link}", [message], (errno.EEXIST,))
        case ops.DeleteAddress():
            return _address_deletion(stack, op)
        case ops.ReplaceRoute():
            message = rt.replace_route(op.version, op.destination, op.gateway, stack.index(op.link))
            return Asked(lambda: f"setting {_named(op)} via {op.gateway or op.link}", [message])
        case ops.DeleteRoute():
            return _route_deletion(stack, op)
    raise TypeError(f"{op!r} is more than messages")


def send(stack: Stack, run: Sequence[ops.Op]) -> dict[int, OperationFailed]:
    """Carry out operations of `MESSAGES` in one system call; return what failed, by its place.

    The kernel goes on after a refusal. What comes after a link that is missing is not sent.
    """
    failures: dict[int, OperationFailed] = {}
    messages: list[bytearray] = []
    meant: list[tuple[int, Asked]] = []
    for place, op in enumerate(run):
        try:
            one = asked(stack, op)
        except OperationFailed as failure:
            failures.update(dict.fromkeys(range(place, len(run)), failure))
            break
        messages += one.messages
        meant += [(place, one)] * len(one.messages)
    for at, refusal in stack.netlink.refusals(messages).items() if messages else ():
        place, one = meant[at]
        if refusal.errno not in one.content:
            failures[place] = refused(one.what(), refusal)
    return failures


MESSAGES = (ops.SetLinkUp, ops.SetLinkMtu, ops.AddAddress, ops.DeleteAddress, ops.ReplaceRoute, ops.DeleteRoute)


def _address_deletion(stack: Stack, op: ops.DeleteAddress) -> Asked:
    """Return what takes an address from a link; nothing where there is no link."""
    index = stack.find(op.link)
    messages = [] if index is None else [rt.delete_address(index, op.address)]
    return Asked(lambda: f"taking {op.address} from {op.link}", messages, (errno.EADDRNOTAVAIL, errno.ENODEV))


def _route_deletion(stack: Stack, op: ops.DeleteRoute) -> Asked:
    """Return what removes a route; nothing where there is no link."""
    index = stack.find(op.link)
    messages = [] if index is None else [rt.delete_route(op.version, op.destination, index)]
    return Asked(lambda: f"removing {_named(op)}", messages, (errno.ESRCH, errno.ENODEV))


def _named(op: ops.ReplaceRoute | ops.DeleteRoute) -> str:
    return f"the default IPv{op.version} route" if op.destination is None else f"the route to {op.destination}"
