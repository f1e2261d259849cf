"""What becomes of a first packet: the same walk that the kernel makes through the rules, in words.

It walks the intents, not the rules of a backend: both backends are held against it by packets (tests/kernel). Each step
says why, in the order of the kernel's hooks (`firewall.skeleton`). What other tables on the machine do to the packet is
not known here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from netwright.firewall.intent import GatewayMode, NetworkIntent, SourcesIntent
from netwright.firewall.metadata import SERVICES
from netwright.firewall.policy import Policy
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol


class Verdict(StrEnum):
    """How a walk ends."""

    CONTAINER = "container"
    """A container gets the packet."""
    HOST = "host"
    """This host itself gets it: a program that listens there, the relay, or a refusal."""
    OUT = "out"
    """It leaves this host."""
    REFUSED = "refused"
    """The sender is told that it may not."""
    DROPPED = "dropped"
    """Nobody hears of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A first packet to a port. `interface` is where it comes in: a bridge, another interface, or "" for this host."""

    interface: str
    source: IPAddress
    address: IPAddress
    protocol: Protocol
    port: int

    @property
    def from_host(self) -> bool:
        """Whether this host itself sends it."""
        return not self.interface


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps of a packet and its end; `to` is the address and port that it is at then."""

    verdict: Verdict
    steps: tuple[str, ...]
    to: tuple[IPAddress, int]

    @property
    def reason(self) -> str:
        """The deciding step."""
        return self.steps[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What of the machine matters: this host's own addresses, and of the firewall's settings.

    `proxied`: 127.0.0.1 is served by the relay. `deny_metadata`: containers are kept from clouds' metadata services.
    """

    own: Collection[IPAddress]
    proxied: bool = False
    deny_metadata: bool = False


class _Decided(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


def walk(policy: Policy, attempt: Attempt, around: Surroundings) -> Walk:
    """Return what becomes of a packet."""
    walker = _Walker(policy, attempt, around)
    verdict = walker.run()
    return Walk(verdict, tuple(walker.steps), (walker.address, walker.port))


class _Walker:
    """One packet on its way; `address` and `port` are where it is addressed to by now."""

    def __init__(self, policy: Policy, attempt: Attempt, around: Surroundings) -> None:
        self.policy = policy
        self.attempt = attempt
        self.around = around
        self.address = attempt.address
        self.port = attempt.port
        self.steps: list[str] = []
        self.home = policy.network_at(attempt.interface, attempt.address.version)

    def run(self) -> Verdict:
        try:
            for stage in (self._loopback, self._neighbour, self._direct, self._sources, self._translate):
                stage()
            self._forward()
        except _Decided as decided:
            return decided.verdict
        raise AssertionError("every walk ends in a decision")

    def _say(self, text: str) -> None:
        self.steps.append(text)

    def _end(self, verdict: Verdict, text: str) -> None:
        self._say(text)
        raise _Decided(verdict)

    @property
    def _local(self) -> bool:
        return self.address.is_loopback or self.address in self.around.own

    def _loopback(self) -> None:
        attempt = self.attempt
        if attempt.from_host or not self.address.is_loopback:
            return
        if self.home is not None:
            self._end(Verdict.DROPPED, "the host's loopback is not the containers'")
        if self.policy.only_on_loopback(self.address, attempt.protocol, self.port):
            self._end(Verdict.DROPPED, "the port is published on the loopback address only")

    def _neighbour(self) -> None:
        """Judge what stays inside a bridge, where the host's own rules are not met."""
        home, attempt = self.home, self.attempt
        if home is None or self._local or self.address not in home.subnet:
            return
        if not home.icc and not self._linked():
            self._end(Verdict.DROPPED, "neighbours on this network keep apart (icc is off)")
        self._end(Verdict.CONTAINER, f"neighbours on the bridge {attempt.interface}")

    def _linked(self) -> bool:
        return (self.attempt.source, self.address, self.attempt.protocol, self.port) in self.policy.links

    def _direct(self) -> None:
        network = self.policy.network_of(self.address)
        if network is None or self.attempt.from_host or self._local:
            return
        if network.internal or network.direct or network.mode is not GatewayMode.NAT:
            return
        if self.attempt.interface in network.trusted:
            self._say(f"{self.attempt.interface} is a trusted interface of the network")
            return
        self._end(Verdict.DROPPED, "container addresses are not reached directly: publish the port")

    def _sources(self) -> None:
        attempt = self.attempt
        limit = self.policy.limit(self.address, attempt.protocol, self.port, local=self._local)
        if limit is None or not (self._local or limit.routed):
            return
        if attempt.from_host:
            if not (limit.sources.host or limit.routed):
                self._end(Verdict.REFUSED, f"only {limit.sources} may connect, and not this host itself")
        elif not self._is_among(limit):
            self._end(Verdict.DROPPED, f"only {limit.sources} may connect, and not {attempt.source}")
        else:
            self._say(f"{attempt.source} is among the sources of the port ({limit.sources})")

    def _is_among(self, limit: SourcesIntent) -> bool:
        source = self.attempt.source
        named = (network for name in limit.sources.sets for network in self.policy.sets[name])
        near = [*limit.sources.networks, *(self.policy.lan if limit.sources.lan else ()), *named]
        return any(network.version == source.version and source in network for network in near)

    def _translate(self) -> None:
        if not self._local:
            return
        target = self.policy.translation(self.address, self.attempt.protocol, self.port)
        if target is None:
            self._end_here("no port is published there: this host itself is asked, and its own rules hold")
        elif self._is_relayed():
            self._end_here("published, and served by the relay")
        else:
            self.address, _, self.port = target
            self._say(f"published: leads to {target[0]} port {target[2]}")

    def _end_here(self, text: str) -> None:
        if self.home is not None and self.home.internal and not self.home.host_access:
            self._end(Verdict.DROPPED, "internal networks do not reach this host")
        self._end(Verdict.HOST, text)

    def _is_relayed(self) -> bool:
        if self.address.version == 4:
            return self.around.proxied and self.address.is_loopback
        return self.address.is_loopback or self.attempt.source.is_link_local

    def _forward(self) -> None:
        attempt, network = self.attempt, self.policy.network_of(self.address)
        if attempt.from_host:
            verdict = Verdict.OUT if network is None else Verdict.CONTAINER
            self._end(verdict, "sent by this host itself: what goes out is not filtered")
        if self.home is not None and self.around.deny_metadata and self.address in SERVICES:
            self._end(Verdict.REFUSED, "cloud metadata is not for containers")
        if network is None:
            if self.home is None:
                self._end(Verdict.OUT, "neither from nor to a container: not ours to judge")
            elif self.home.internal:
                self._end(Verdict.DROPPED, "internal networks speak only to themselves")
            self._end(Verdict.OUT, "containers may go out")
        else:
            for verdict, text in self._inward(network):
                self._end(verdict, text)

    def _inward(self, network: NetworkIntent) -> Iterator[tuple[Verdict, str]]:
        """Yield the first decision on a packet that is forwarded into a bridge."""
        if self.home is not None and self.home.bridge == network.bridge:
            yield Verdict.CONTAINER, f"neighbours on the bridge {network.bridge} that meet through the host"
        if network.internal:
            yield Verdict.DROPPED, "internal networks hear only themselves"
        if self.home is not None and self.home.internal:
            yield Verdict.DROPPED, "internal networks speak only to themselves"
        if (self.address, self.attempt.protocol, self.port) in self.policy.opened:
            yield Verdict.CONTAINER, "the port is published"
        if network.mode is GatewayMode.NAT_UNPROTECTED:
            yield Verdict.CONTAINER, "the network is unprotected: all its ports are open"
        yield Verdict.DROPPED, "unpublished ports are closed"
