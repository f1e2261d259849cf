"""Whether what should be true of traffic is: the policy beside the kernel, and the ports that should be held."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from netwright.controller.api import Attachment
from netwright.firewall.comparison import Difference, Fault
from netwright.host.protocol import Host
from netwright.host.queries import HeldPort, HeldPorts, IptablesRules, NftTables, Sysctl
from netwright.insight.others import SWITCHES, notes
from netwright.model.addressing import show
from netwright.model.names import Id
from netwright.model.network import Sandbox


class Firewall(Interface):
    """What a check needs of the firewall."""

    @property
    def own_tables(self) -> Sequence[str]:
        """The nftables tables that are ours."""

    async def check(self) -> Sequence[Difference]:
        """Return where what stands in the kernel is not what the state wants."""


class Sandboxes(Interface):
    """What a check needs of the network stacks."""

    def list(self) -> Sequence[Sandbox]:
        """Return all of them."""

    def attachments(self, sandbox: Id) -> Sequence[Attachment]:
        """Return a stack's endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is not as it should be, and who else on this host may have a say."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


class Check:
    """Compares what should be with what is."""

    def __init__(self, firewall: Firewall, sandboxes: Sandboxes, host: Host) -> None:
        self._firewall = firewall
        self._sandboxes = sandboxes
        self._host = host

    async def run(self) -> Findings:
        """Compare all of it; nothing is changed."""
        differences = [*await self._firewall.check(), *await self._not_held()]
        others = {version: await self._host.ask(IptablesRules(version, "filter")) for version in (4, 6)}
        own = set(self._firewall.own_tables)
        tables = [table for table in await self._host.ask(NftTables()) if table not in own]
        switches = {SWITCHES[4]: await self._host.ask(Sysctl(SWITCHES[4]))}
        if any(item.endpoint.ipv6 for item in self._attached()):
            switches[SWITCHES[6]] = await self._host.ask(Sysctl(SWITCHES[6]))
        return Findings(
            differences=tuple(differences), notes=tuple(notes(tables=tables, filters=others, sysctls=switches))
        )

    def _attached(self) -> list[Attachment]:
        return [item for row in self._sandboxes.list() if row.open for item in self._sandboxes.attachments(row.id)]

    async def _not_held(self) -> list[Difference]:
        wanted = {
            HeldPort(protocol=binding.port.protocol, address=binding.host_ip, port=binding.host_port): item.sandbox.name
            for item in self._attached()
            for binding in item.endpoint.bindings
            if binding.host_port
        }
        held = set(await self._host.ask(HeldPorts()))
        return [
            Difference(
                place=f"published ports of {name}",
                text=f"{show(port.address, port.port)}/{port.protocol} held for it",
                fault=Fault.MISSING,
                cure=f"docker restart {name}",
            )
            for port, name in wanted.items()
            if port not in held
        ]
