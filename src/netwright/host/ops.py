"""Everything that can be done to the machine, as frozen values.

An operation is atomic in the kernel, or its inverse undoes any part of it. `inverse()` is what takes it back; inverses
are content with work already undone, so that a sweep and a rollback may meet. `None` means that nothing needs taking
back, because a larger thing (a namespace, a table) takes it along.

Interfaces are named. `netns` is the path of a pinned namespace; None is the namespace that the engine runs in.
`group` is the tag: every link of ours is created in the link group of its engine (`ip link show group N`), which is
set by the same kernel request that makes the link, so there is no moment without it.

`repeatable` operations are content to find their work done: whoever mends something does all of them again.
"""

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv6Interface
from typing import ClassVar

from msgspec import Struct

from netwright.dns.zone import Member, View
from netwright.host.elements import SetChange
from netwright.model.addressing import IPAddress, IPNetwork, Mac
from netwright.model.ports import Protocol


class Op(Struct, frozen=True):
    """One change of the machine."""

    repeatable: ClassVar[bool] = False

    def inverse(self) -> "Op | None":
        """Return the operation that takes this one back, if one is needed."""
        return None

    def follows(self, failed: "Op") -> bool:  # noqa: ARG002 - what most operations say, whatever has failed
        """Tell whether this one is not to be done where another before it has failed, though all others are."""
        return False


class CreateNamespace(Op, frozen=True, kw_only=True):
    """Make a network namespace and pin it at `path`.

    With `lo` up and IPv6 off by default for interfaces that come later.
    """

    path: str

    def inverse(self) -> Op:
        return DeleteNamespace(path=self.path)


class DeleteNamespace(Op, frozen=True, kw_only=True):
    """Unpin a namespace; the kernel removes it with all its links when nobody uses it any more."""

    repeatable: ClassVar[bool] = True

    path: str


class AddBridge(Op, frozen=True, kw_only=True):
    """Make a bridge; it is still down and has no address."""

    name: str
    mac: Mac
    mtu: int
    group: int

    def inverse(self) -> Op:
        return DeleteLink(name=self.name)


class AddVeth(Op, frozen=True, kw_only=True):
    """Make a veth pair in one request, both ends down: the host's on a bridge, the other inside a namespace.

    Whoever brings them up had better take the host's end last: a port that is up and has nobody at its other end makes
    the kernel go over all ports of the bridge twice more.
    """

    host_name: str
    host_mac: Mac
    bridge: str
    name: str
    mac: Mac
    netns: str
    mtu: int
    group: int
    hairpin: bool = True

    def inverse(self) -> Op:
        return DeleteLink(name=self.host_name, other_end=RetireLink(name=self.name, netns=self.netns))


class JoinBridge(Op, frozen=True, kw_only=True):
    """Make a link of the host a port of a bridge again, and bring it up; content when it is both."""

    repeatable: ClassVar[bool] = True

    name: str
    bridge: str
    hairpin: bool = True


class DeleteLink(Op, frozen=True, kw_only=True):
    """Take a link out of service at once; its name and its addresses are free when this returns.

    Content when there is none. The kernel frees its memory in the background. `other_end` is what frees the name that
    the other end of a pair has inside a namespace, done first: else the kernel takes that with the link, in its time.
    """

    repeatable: ClassVar[bool] = True

    name: str
    other_end: "RetireLink | None" = None


class RetireLink(Op, frozen=True, kw_only=True):
    """Free a link's name and take its addresses inside a namespace, ahead of the deletion of its other end.

    Content when there is none.
    """

    repeatable: ClassVar[bool] = True

    name: str
    netns: str
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()


class SetLinkUp(Op, frozen=True, kw_only=True):
    """Bring a link up."""

    repeatable: ClassVar[bool] = True

    name: str
    netns: str | None = None


class SetLinkMtu(Op, frozen=True, kw_only=True):
    """Set a link's MTU, in bytes; `former` is what to go back to, where the link was there before."""

    repeatable: ClassVar[bool] = True

    name: str
    mtu: int
    netns: str | None = None
    former: int | None = None

    def inverse(self) -> Op | None:
        return None if self.former is None else SetLinkMtu(name=self.name, mtu=self.former, netns=self.netns)


class AddAddress(Op, frozen=True, kw_only=True):
    """Give a link an address; content when it has it. IPv6 addresses skip duplicate detection (IFA_F_NODAD)."""

    repeatable: ClassVar[bool] = True

    link: str
    address: IPv4Interface | IPv6Interface
    netns: str | None = None

    def inverse(self) -> Op:
        return DeleteAddress(link=self.link, address=self.address, netns=self.netns)


class DeleteAddress(Op, frozen=True, kw_only=True):
    """Take an address from a link; content when it has it not, or when the link is gone."""

    repeatable: ClassVar[bool] = True

    link: str
    address: IPv4Interface | IPv6Interface
    netns: str | None = None


class ReplaceRoute(Op, frozen=True, kw_only=True):
    """Set the route to a destination (None is the default route of the gateway's or link's family).

    Through a gateway, or on-link where `gateway` is None. `version` is 4 or 6. `former` is the route that it replaces,
    if there is one: taken back, that route is there again.
    """

    repeatable: ClassVar[bool] = True

    version: int
    destination: IPNetwork | None
    gateway: IPAddress | None
    link: str
    netns: str | None = None
    former: "ReplaceRoute | None" = None

    def inverse(self) -> Op:
        return self.former or DeleteRoute(
            version=self.version,
            destination=self.destination,
            link=self.link,
            netns=self.netns,
        )


class DeleteRoute(Op, frozen=True, kw_only=True):
    """Remove a route; content when there is none. `former` is what makes it again, where that may be needed."""

    repeatable: ClassVar[bool] = True

    version: int
    destination: IPNetwork | None
    link: str
    netns: str | None = None
    former: ReplaceRoute | None = None

    def inverse(self) -> Op | None:
        return self.former


class ProxyNeighbour(Op, frozen=True, kw_only=True):
    """Answer neighbour solicitations for an IPv6 address on a link of the host, in place of its owner behind it.

    Content when it is so already. The link needs `proxy_ndp`. The kernel forgets it when the link goes down.
    """

    link: str
    address: IPAddress

    def inverse(self) -> Op:
        return UnproxyNeighbour(address=self.address)


class UnproxyNeighbour(Op, frozen=True, kw_only=True):
    """Answer for an address no longer, on whatever links; content when nobody does. The admin's own entries stay."""

    address: IPAddress


class SetSysctl(Op, frozen=True, kw_only=True):
    """Write a sysctl, named with slashes below /proc/sys: `net/ipv4/conf/docker0/route_localnet`.

    `optional` is for keys that a kernel may lack: their absence is no failure. `former` is the value to go back to,
    where what it belongs to was there before.
    """

    repeatable: ClassVar[bool] = True

    key: str
    value: str
    netns: str | None = None
    optional: bool = False
    former: str | None = None

    def inverse(self) -> Op | None:
        if self.former is None:
            return None
        return SetSysctl(key=self.key, value=self.former, netns=self.netns, optional=self.optional)


class AnnounceAddress(Op, frozen=True, kw_only=True):
    """Tell the neighbours of a link who has these addresses now (gratuitous ARP, unsolicited neighbour advertisement).

    `count` messages in the background: the first as soon as the link's neighbours can hear it, the others `interval`
    milliseconds apart.
    """

    link: str
    mac: Mac
    addresses: tuple[IPAddress, ...]
    netns: str
    count: int = 3
    interval: int = 1000


class HoldPort(Op, frozen=True, kw_only=True):
    """Bind a socket to a host address and port, and keep it, so that nobody else can have the port.

    Fails with EADDRINUSE where somebody has it. The socket outlives the engine's process.
    """

    protocol: Protocol
    address: IPAddress
    port: int

    def inverse(self) -> Op:
        return ReleasePort(protocol=self.protocol, address=self.address, port=self.port)


class ReleasePort(Op, frozen=True, kw_only=True):
    """Close the socket that holds a port, and end its relay; content when it is not held."""

    repeatable: ClassVar[bool] = True

    protocol: Protocol
    address: IPAddress
    port: int


class RelayPort(Op, frozen=True, kw_only=True):
    """Let what arrives on a held port be carried to a container by a process instead of by the kernel.

    `former` is where it was carried before, if it was.
    """

    repeatable: ClassVar[bool] = True

    protocol: Protocol
    address: IPAddress
    port: int
    to_address: IPAddress
    to_port: int
    former: "RelayPort | None" = None

    def inverse(self) -> Op | None:
        return self.former


class ForgetFlows(Op, frozen=True, kw_only=True):
    """Delete the connection tracking entries whose original destination is this address and port.

    Needed whenever the meaning of a published port changes: a UDP sender that never pauses would keep its old
    translation for ever. `address` None stands for any of this host, `port` None for all ports of an address. With
    `sent` those whose original source it is: an answer that was on its way has made a flow of its own, the other way
    round, and what the sender goes on to send belongs to that.
    """

    repeatable: ClassVar[bool] = True

    protocol: Protocol
    address: IPAddress | None
    port: int | None
    sent: bool = False


class ServeNames(Op, frozen=True, kw_only=True):
    """Answer 127.0.0.11:53 in a namespace, by UDP and TCP, through any restart of the engine.

    Instead of the path of a namespace there may be the place of a `model.listener.Listener`, here and in what follows:
    then the host is answered at an address of its own.
    """

    netns: str
    view: View

    def inverse(self) -> Op:
        return StopNames(netns=self.netns)


class StopNames(Op, frozen=True, kw_only=True):
    """Answer there no more; content where nobody does. `former` is what was seen there, where it may be asked again."""

    repeatable: ClassVar[bool] = True

    netns: str
    former: View | None = None

    def inverse(self) -> Op | None:
        return None if self.former is None else ServeNames(netns=self.netns, view=self.former)


class SetNameView(Op, frozen=True, kw_only=True):
    """Let a sandbox that is answered see other names; `undo` is what it saw before."""

    netns: str
    view: View
    undo: View

    def inverse(self) -> Op:
        return SetNameView(netns=self.netns, view=self.undo, undo=self.view)


class PublishNames(Op, frozen=True, kw_only=True):
    """Let an endpoint be known on its network, in place of what was known of it: `former`, if anything was."""

    repeatable: ClassVar[bool] = True

    member: Member
    former: Member | None = None

    def inverse(self) -> Op:
        if self.former is not None:
            return PublishNames(member=self.former)
        return WithdrawNames(member=self.member)


class WithdrawNames(Op, frozen=True, kw_only=True):
    """Let an endpoint be known no more; content where it is not."""

    member: Member

    def inverse(self) -> Op:
        return PublishNames(member=self.member)


class ReplaceNames(Op, frozen=True, kw_only=True):
    """Publish these endpoints and no others, and let each namespace see what it should, all at one moment."""

    members: tuple[Member, ...]
    views: Mapping[str, View]


class NftTransaction(Op, frozen=True, kw_only=True):
    """Carry out nftables commands (nft's own syntax, one a line) as one transaction: all or none.

    `undo` are the commands that take it back, where that has a meaning.
    """

    commands: str
    undo: str = ""

    def inverse(self) -> Op | None:
        return NftTransaction(commands=self.undo) if self.undo else None


class ChangeElements(Op, frozen=True, kw_only=True):
    """Change elements of nftables sets and maps, in this order and in one transaction: all or none.

    `idle` is for what may be done a little later: no packet is treated otherwise until then.
    """

    changes: tuple[SetChange, ...]
    undo: tuple[SetChange, ...] = ()
    idle: bool = False

    def inverse(self) -> Op | None:
        return ChangeElements(changes=self.undo) if self.undo else None


class IptablesTransaction(Op, frozen=True, kw_only=True):
    """Feed a text to iptables-restore --noflush, or ip6tables-restore for version 6: all or none for each table."""

    version: int
    rules: str
    undo: str = ""

    def inverse(self) -> Op | None:
        return IptablesTransaction(version=self.version, rules=self.undo) if self.undo else None

    def follows(self, failed: Op) -> bool:
        # The last table of a family tells which rules in the others are ours, for as long as they stand there.
        return isinstance(failed, IptablesTransaction) and failed.version == self.version


class Mount(Op, frozen=True, kw_only=True):
    """Mount a file system; content when `target` is a mount point already."""

    repeatable: ClassVar[bool] = True

    source: str
    target: str
    type: str
    options: str = ""

    def inverse(self) -> Op:
        return Unmount(target=self.target)


class Unmount(Op, frozen=True, kw_only=True):
    """Detach a mount; content when there is none."""

    repeatable: ClassVar[bool] = True

    target: str
