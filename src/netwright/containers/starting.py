"""Starting a container: from a row to a running process, or back to nothing."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from netwright.containers.checks import donor_of
from netwright.containers.disk import on_disk
from netwright.containers.files import NetworkFiles
from netwright.containers.inside import root_at
from netwright.containers.layout import Layout
from netwright.containers.lifecycle import ends_with_first_client, is_running
from netwright.containers.machine import Offer, device_nodes, find_init, seccomp_profile
from netwright.containers.rootfs import RootFileSystems
from netwright.containers.rows import Rows
from netwright.containers.runtime import Running, Runtime, StartFailed, Terminal
from netwright.containers.runtime_errors import NOT_FOUND, StartFailure
from netwright.containers.spec.config import Surroundings, config
from netwright.containers.spec.user import User, resolve
from netwright.containers.streams import Hub
from netwright.controller.api import Sandboxes
from netwright.dns.hosts import Entry
from netwright.errors import Conflict, InvalidInput, NotFound
from netwright.model.container import Container, HostSettings
from netwright.model.names import short
from netwright.model.network import SandboxKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Brings containers up."""

    rows: Rows
    layout: Layout
    roots: RootFileSystems
    runtime: Runtime
    sandboxes: Sandboxes
    files: NetworkFiles
    offer: Offer
    cgroup_parent: str

    async def bring_up(self, row: Container, hub: Hub) -> Running:
        """Make a container's process run; what was done is taken back where a step fails.

        `hub` is connected after the process is made and before it runs, so that clients miss nothing. Raises
        StartFailed for what is the container's own fault.
        """
        async with AsyncExitStack() as undo:
            files = await self._network(row, undo)
            root = await self.roots.hold(row)
            undo.push_async_callback(self.roots.release, row.id)
            user = await on_disk(_prepare_root, root, row)
            around = await on_disk(self._surroundings, row, root, user, files)
            terminal = Terminal(
                tty=row.config.tty, stdin=row.config.open_stdin, keep_stdin=not ends_with_first_client(row)
            )
            running = await self.runtime.create(row.id, msgspec.json.encode(config(row, around)), terminal)
            undo.callback(running.close)
            undo.push_async_callback(self.runtime.discard, row.id)
            if hub.wanted:
                await hub.open()
            await self.runtime.start(row.id)
            undo.pop_all()
        return running

    async def _network(self, row: Container, undo: AsyncExitStack) -> Mapping[str, str]:
        """Open the container's stack, or find the other's that it joins, and return its files."""
        if row.joins is not None:
            return self._donor_files(row)
        linked = self._linked(row)
        attachments = await self.sandboxes.open(row.sandbox, [other.sandbox for other, _ in linked])
        undo.push_async_callback(self.sandboxes.close, row.sandbox)
        return await self.files.write(row, attachments, self._entries(linked))

    def _donor_files(self, row: Container) -> Mapping[str, str]:
        donor = self.rows.get(row.joins) if row.joins is not None else None
        if donor is None:
            raise NotFound(
                f"joining network namespace of container: No such container: {donor_of(row.host.network_mode)}"
            )
        if donor.id == row.id:
            raise InvalidInput("cannot join own network namespace")
        if not is_running(donor.state):
            raise Conflict(
                "cannot join network namespace of a non running container: "
                f"container {donor.name} is {donor.state.status}"
            )
        return self.files.paths(donor.id)

    def _linked(self, row: Container) -> list[tuple[Container, str]]:
        """Return the containers that one is linked to, each with its alias."""
        found = []
        for link in row.host.links:
            reference, _, alias = link.partition(":")
            linked = self.rows.find(reference)
            name = alias.rpartition("/")[2] or linked.name
            if not is_running(linked.state):
                raise Conflict(f"Cannot link to a non running container: /{linked.name} AS /{row.name}/{name}")
            found.append((linked, name))
        return found

    def _entries(self, linked: Sequence[tuple[Container, str]]) -> Sequence[Entry]:
        """Return the lines in the hosts file for `--link`, which the default bridge knows no other way to name."""
        return [
            Entry(str(item.endpoint.ipv4.ip), tuple(dict.fromkeys((name, short(other.id), other.name))))
            for other, name in linked
            for item in self.sandboxes.attachments(other.sandbox)
            if item.endpoint.ipv4 is not None
        ]

    def _surroundings(self, row: Container, root: Path, user: User, files: Mapping[str, str]) -> Surroundings:
        own = self.sandboxes.get(row.sandbox).kind is SandboxKind.OWN
        return Surroundings(
            root=str(root),
            netns=self.sandboxes.path(row.sandbox) if own else None,
            own_stack=own and row.joins is None,
            user=user,
            files=files,
            devices=device_nodes(row.host),
            init=find_init() if row.host.init else "",
            capabilities=self.offer.capabilities,
            seccomp=seccomp_profile(row.host, self.offer),
            machine=self.offer.machine,
            cgroup_v2=self.offer.cgroup_v2,
            swap_limits=self.offer.swap_limits,
            cgroup_parent=self.cgroup_parent,
            open_files=self.offer.open_files,
        )


def find_user(root: Path, wanted: str, host: HostSettings) -> User:
    """Return the user that is meant inside a root. Raises InvalidInput."""
    with root_at(root) as inside:
        return resolve(
            wanted,
            passwd=inside.text("/etc/passwd"),
            group=inside.text("/etc/group"),
            more_groups=host.group_add,
        )


def _prepare_root(root: Path, row: Container) -> User:
    """Make the working directory, and return the user. Raises StartFailed, InvalidInput."""
    user = find_user(root, row.process.user, row.host)
    if row.process.directory == "/":
        return user
    with root_at(root) as inside:
        try:
            inside.make_directories(row.process.directory)
        except OSError as error:
            message = f"mkdir {row.process.directory}: {os.strerror(error.errno or 0).lower()}"
            raise StartFailed(StartFailure(InvalidInput(message), NOT_FOUND)) from None
    return user
