"""What the layer above may ask of the network engine, in one place.

Networks are named by whatever a user may write: full id, name or unambiguous id prefix. Sandboxes are named by id. All
methods that change something are all-or-nothing: what they raise, they have taken back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, IPNetwork
from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox, SandboxKind
from netwright.model.ports import Port, PortRequest

NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
"""What Docker answers whoever asks for what only a swarm has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequest:
    """A wish for a network; pools without a subnet are chosen by IPAM."""

    name: str
    driver: str = "bridge"
    scope: str = ""
    ipv4: bool = True
    ipv6: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] | None = None
    pools: tuple[Pool, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRequest:
    """A wish for a network stack.

    `owner` is the id by which the layer above finds it again; `name` and `hostname` are what its names and messages
    say. `endpoints` maps networks to what is asked of each, in the order of their interfaces. `servers` are name
    servers that it asks itself, `dns_options` its options of resolv.conf.
    """

    owner: Id
    name: str
    hostname: str
    endpoints: Mapping[str, EndpointSpec]
    ports: tuple[PortRequest, ...] = ()
    publish_all: bool = False
    exposed: tuple[Port, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[IPAddress, ...] = ()
    dns_options: tuple[str, ...] = ()


class Attachment(Struct, frozen=True, kw_only=True):
    """An endpoint together with its network and sandbox."""

    network: Network
    endpoint: Endpoint
    sandbox: Sandbox


class Ambiguous(InvalidInput):
    """Several networks answer to what a user has written."""

    def __init__(self, term: str, matches: int) -> None:
        super().__init__(f"network {term} is ambiguous ({matches} matches found based on ID prefix)")
        self.term = term
        self.matches = matches


class Networks(Protocol):
    """The networks."""

    @property
    def version(self) -> int:
        """A number that changes whenever anything shown of networks may have changed."""

    def list(self) -> Sequence[Network]:
        """Return all networks, oldest first."""

    def get(self, reference: str) -> Network:
        """Return the network that a user means. Raises NotFound, or Ambiguous where several answer to it."""

    def attachments(self, network: Id) -> Sequence[Attachment]:
        """Return the endpoints on a network, open or not."""

    def usage(self, network: Id) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return for each subnet the addresses in use and those still free for dynamic choice."""

    async def create(self, request: NetworkRequest) -> Network:
        """Make a network, on disk and on the machine."""

    async def remove(self, reference: str) -> Network:
        """Remove a network. Raises Forbidden where it is predefined or has endpoints."""

    async def prune(self, spare: Callable[[Network], bool]) -> Sequence[Network]:
        """Remove the networks that nobody uses, but for those to spare. Raises Conflict while another prune runs."""


class Beside(Protocol):
    """What the layer above does for an open sandbox that changes, while the machine follows: a part of the change."""

    def make(self, shape: Sequence[Attachment]) -> Awaitable[None]:
        """Do it, from now on, for the endpoints that the sandbox is to have. The change fails with what this raises.

        A crash may leave it done for rows that were not written, and undone for others.
        """

    async def take_back(self) -> None:
        """Undo what was done of it, because the change has failed; raises nothing."""


class Sandboxes(Protocol):
    """The network stacks and their endpoints."""

    def list(self) -> Sequence[Sandbox]:
        """Return all sandboxes."""

    def get(self, sandbox: Id) -> Sandbox:
        """Return a sandbox. Raises NotFound."""

    def attachments(self, sandbox: Id) -> Sequence[Attachment]:
        """Return a sandbox's endpoints in the order of their interfaces."""

    def path(self, sandbox: Id) -> str:
        """Return the path of the pinned namespace; of `/proc/self/ns/net`'s own for the host's stack."""

    async def create(self, request: SandboxRequest) -> Sandbox:
        """Reserve a stack, its endpoints and their addresses; nothing is on the machine yet."""

    async def open(self, sandbox: Id, reaches: Sequence[Id] = ()) -> Sequence[Attachment]:
        """Make the stack on the machine: namespace, interfaces, routes, published ports. Content when it is open.

        `reaches` are other sandboxes that it is linked to.
        """

    async def close(self, sandbox: Id) -> None:
        """Take the stack from the machine; its reservations stay. All failures are reported together."""

    async def delete(self, sandbox: Id) -> None:
        """Close the stack and forget it with its reservations."""

    async def rename(self, sandbox: Id, name: str) -> None:
        """Let the stack be known by another name."""

    async def connect(
        self, sandbox: Id, network: str, spec: EndpointSpec, *, beside: Beside | None = None
    ) -> Attachment:
        """Join a network, live where the stack is open: then with what is done beside it, or not at all."""

    async def disconnect(self, sandbox: Id, network: str, *, force: bool, beside: Beside | None = None) -> None:
        """Leave a network, live where the stack is open: then with what is done beside it, or not at all."""


def kind_of(networks: Sequence[Network], host_driver: str = "host") -> SandboxKind:
    """Return whose stack a sandbox on these networks is."""
    return SandboxKind.HOST if any(network.driver == host_driver for network in networks) else SandboxKind.OWN
