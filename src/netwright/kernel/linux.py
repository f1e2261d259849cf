"""This machine: every operation and every question, from value to function.

A batch is carried out by one worker thread from beginning to end, so it costs one hand-over between threads however
long it is. Each worker has its own conversation with the kernel and its own nftables context; namespaces that a batch
needs are opened for it and closed after it, because an open socket keeps a namespace and its links alive.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, TypeVar, cast

from netwright.errors import OperationFailed
from netwright.host import ops, queries
from netwright.host.handover import carry_out
from netwright.host.threads import Threads
from netwright.kernel import conntrack, iptables, links, mounts, neighbours, netns, sysctl
from netwright.kernel.announce import Announcer
from netwright.kernel.files import read_text
from netwright.kernel.names import CHANGES, Names
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.socket import NetlinkError, NetlinkSocket
from netwright.kernel.nft import Nft
from netwright.kernel.own_processes import OwnProcesses
from netwright.kernel.ports import Ports, has_ipv6
from netwright.kernel.worker import Batch, Worker
from netwright.model.listener import is_host

T = TypeVar("T")

WORKERS = 3

log = logging.getLogger(__name__)


class LinuxHost:
    """The machine that the engine runs on, as `host.protocol.Host`."""

    def __init__(self, *, exec_root: str, group: int) -> None:
        self._group = group
        self.own_processes = OwnProcesses()
        """Programs that change rules for us: whoever hears of changes (`ruleset_feed`) knows them by it."""
        self._ports = Ports(exec_root)
        self._names = Names(exec_root)
        self._announcer = Announcer()
        self._local = threading.local()
        self._workers: list[Worker] = []
        self._pool = Threads(WORKERS, "kernel")
        # Programs and deletions that make the kernel wait must not hold up the batches of others.
        self._slow = Threads(2, "kernel-slow")
        self._reaping = threading.Event()
        self._carry = self._operations()
        self._carry_together = self._operations_together()
        self._answer = self._questions()
        # What an earlier engine parked and did not come to reap.
        self._reap_soon()

    def do(self, batch: Sequence[ops.Op]) -> Awaitable[None]:
        """Carry out operations in order, from now on. Raises OperationFailed when awaited.

        Its `done` counts those before the failure.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if batch:
            pool = self._slow if any(isinstance(op, _SLOW) for op in batch) else self._pool
            pool.submit(partial(carry_out, done, partial(self._run, tuple(batch))))
        else:
            done.set_result(None)
        return done

    async def ask(self, query: queries.Query[T]) -> T:
        """Answer a question. Raises OperationFailed."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pool.submit(partial(carry_out, answer, partial(self._ask, query)))
        return await answer

    def close(self) -> None:
        """Finish what is under way and end the threads; what lives in the kernel and the keeper stays."""
        self._announcer.close()
        self._pool.close()
        self._slow.close()
        for worker in self._workers:
            worker.close()
        self._ports.leave()
        self._names.leave()

    def _run(self, batch: tuple[ops.Op, ...]) -> None:
        work = self._begin()
        try:
            done = 0
            for run in runs(batch):
                failures = self._failures(work, run)
                if failures:
                    first = min(failures)
                    self._take_back(
                        work, [op for place, op in enumerate(run) if place > first and place not in failures]
                    )
                    failures[first].done = done + first
                    raise failures[first]
                done += len(run)
        finally:
            work.close()

    def _failures(self, work: Batch, run: Sequence[ops.Op]) -> Mapping[int, OperationFailed]:
        """Carry out a run of operations; return what failed, by its place. Nothing stops before the end of a run."""
        op = run[0]
        try:
            if isinstance(op, links.MESSAGES):
                return links.send(work.stack(op.netns), run)
            if isinstance(op, CHANGES):
                self._names.change(run)
            elif isinstance(op, PORTS):
                return self._failures_of_ports(run)
            else:
                self._carry[type(op)](work, op)
        except OperationFailed as failure:
            return {0: failure}
        except OSError as error:
            return {0: OperationFailed(f"{op}: {error.strerror}", errno=error.errno)}
        return {}

    def _failures_of_ports(self, run: Sequence[ops.Op]) -> Mapping[int, OperationFailed]:
        """Carry out a run of operations of a kind that is about ports, which ends at the first that fails."""
        try:
            self._carry_together[type(run[0])](run)
        except OperationFailed as failure:
            return dict.fromkeys(range(failure.done, len(run)), failure)
        return {}

    def _take_back(self, work: Batch, went_on: Sequence[ops.Op]) -> None:
        """Take back what was done of a run after the first that failed."""
        for op in reversed(went_on):
            back = op.inverse()
            if back is not None:
                for failure in self._failures(work, [back]).values():
                    log.error("could not take back %s: %s", op, failure)

    def _begin(self) -> Batch:
        return Batch(getattr(self._local, "worker", None) or self._new_worker())

    def _new_worker(self) -> Worker:
        """Return what a thread keeps, at its first batch. Raises OperationFailed."""
        try:
            worker = self._local.worker = Worker()
        except OSError as error:
            raise OperationFailed(
                f"a thread cannot speak with the kernel: {error.strerror}", errno=error.errno
            ) from error
        self._workers.append(worker)
        return worker

    def _ask(self, query: queries.Query[T]) -> T:
        work = self._begin()
        try:
            return cast("T", self._answer[type(query)](work, query))
        except NetlinkError as error:
            raise OperationFailed(f"{query}: {error.strerror}", errno=error.errno) from error
        finally:
            work.close()

    def _operations(self) -> dict[type[ops.Op], Callable[[Batch, Any], None]]:
        names = self._names
        return {
            ops.CreateNamespace: self._create_namespace,
            ops.DeleteNamespace: self._delete_namespace,
            ops.AddBridge: lambda work, op: links.add_bridge(work.home, op),
            ops.AddVeth: lambda work, op: links.add_veth(work.home, work.stack(op.netns), op),
            ops.JoinBridge: lambda work, op: links.join_bridge(work.home, op),
            ops.DeleteLink: self._delete_link,
            ops.RetireLink: lambda work, op: links.retire_link(work.stack(op.netns), op),
            ops.ProxyNeighbour: lambda work, op: neighbours.proxy(work.home, op),
            ops.UnproxyNeighbour: lambda work, op: neighbours.unproxy(work.home, op),
            ops.SetSysctl: self._set_sysctl,
            ops.AnnounceAddress: lambda _, op: self._announcer.announce(op),
            ops.ForgetFlows: _forget_flows,
            ops.ServeNames: self._serve_names,
            ops.StopNames: lambda _, op: names.close(op.netns),
            ops.ReplaceNames: lambda _, op: names.replace(op.members, op.views),
            ops.NftTransaction: lambda work, op: work.worker.nft.run(op.commands),
            ops.ChangeElements: lambda work, op: work.worker.elements.run(op.changes),
            ops.IptablesTransaction: lambda _, op: iptables.restore(op.version, op.rules, self.own_processes.note),
            ops.Mount: lambda _, op: mounts.mount(op.source, op.target, op.type, op.options),
            ops.Unmount: lambda _, op: mounts.unmount(op.target),
        }

    def _operations_together(self) -> dict[type[ops.Op], Callable[[Sequence[Any]], None]]:
        """Return what carries out operations of a kind that stand side by side: ports come in ranges of thousands.

        `done` of what it raises counts those that it has carried out.
        """
        ports = self._ports
        return {
            ops.HoldPort: lambda some: ports.hold([_held(op) for op in some]),
            ops.ReleasePort: lambda some: ports.release([_held(op) for op in some]),
            ops.RelayPort: lambda some: ports.relay([(_held(op), (str(op.to_address), op.to_port)) for op in some]),
        }

    def _questions(self) -> dict[type[queries.Query[Any]], Callable[[Batch, Any], object]]:
        return {
            queries.Links: lambda work, query: tuple(work.stack(query.netns).links()),
            queries.LinkNamed: lambda work, query: work.home.link(query.name),
            queries.Routes: lambda work, query: tuple(work.stack(query.netns).routes(query.but_through)),
            queries.Sysctl: _read_sysctl,
            queries.Namespaces: lambda _, query: netns.pinned(query.directory),
            queries.Mounts: lambda _, query: mounts.below(query.directory),
            queries.HeldPorts: lambda _, __: self._ports.held(),
            queries.ProxiedNeighbours: lambda work, _: neighbours.proxied(work.home),
            queries.NamesServed: lambda _, query: self._names.served(query.directory),
            queries.ExplainName: lambda _, query: self._names.explain(query.netns, query.name, query.kind),
            queries.NamesCounted: lambda _, query: self._names.counts(query.directory),
            queries.NftTables: lambda work, _: work.worker.nft.tables(),
            queries.NftNames: lambda work, query: work.worker.nft.names(query.family, query.table, query.set),
            queries.NftListings: _nft_listings,
            queries.IptablesRules: lambda _, query: iptables.save(query.version, query.table),
            queries.ReadFile: lambda _, query: read_text(query.path),
            queries.HasIPv6: lambda _, __: has_ipv6(),
        }

    def _create_namespace(self, work: Batch, op: ops.CreateNamespace) -> None:
        procfs = work.worker.procfs.root()
        netns.create(op.path, work.worker.home_descriptor, lambda: _prepare_namespace(procfs))

    def _delete_namespace(self, work: Batch, op: ops.DeleteNamespace) -> None:
        work.leave(op.path)
        netns.delete(op.path)

    def _delete_link(self, work: Batch, op: ops.DeleteLink) -> None:
        if op.other_end is not None and netns.is_pinned(op.other_end.netns):
            links.retire_link(work.stack(op.other_end.netns), op.other_end)
        if links.delete_link(work.home, op, self._group):
            self._reap_soon()

    def _reap_soon(self) -> None:
        """Have parked links reaped in the background; many that are parked meanwhile go in one sweep."""
        if not self._reaping.is_set():
            self._reaping.set()
            self._slow.submit(self._reap)

    def _reap(self) -> None:
        self._reaping.clear()
        work = self._begin()
        try:
            links.reap(work.home, self._group)
        except OperationFailed as failure:
            log.error("%s; they are out of service and will be deleted at the next removal", failure)

    def _serve_names(self, work: Batch, op: ops.ServeNames) -> None:
        if is_host(op.netns):
            self._names.open_host(op.netns, op.view)
            return
        namespace = work.stack(op.netns).descriptor
        assert namespace is not None
        self._names.open(op.netns, op.view, namespace=namespace, home=work.worker.home_descriptor)

    def _set_sysctl(self, work: Batch, op: ops.SetSysctl) -> None:
        work.inside(op.netns, lambda procfs: sysctl.write(op.key, op.value, optional=op.optional, procfs=procfs))


def _prepare_namespace(procfs: int) -> None:
    """Bring the loopback up, and have links that come later begin without IPv6 until they are given an address of it.

    What the kernel does on its own on a link with IPv6 floods every port of its bridge.
    """
    sysctl.write("net/ipv6/conf/default/disable_ipv6", "1", optional=True, procfs=procfs)
    with NetlinkSocket() as netlink:
        netlink.request([rt.set_up("lo")])


def _held(op: ops.HoldPort | ops.ReleasePort | ops.RelayPort) -> queries.HeldPort:
    return queries.HeldPort(protocol=op.protocol, address=op.address, port=op.port)


def _forget_flows(_: Batch, op: ops.ForgetFlows) -> None:
    count = conntrack.forget(op.protocol, op.address, op.port, sent=op.sent)
    log.debug("%d are forgotten: %s", count, op)


def runs(batch: Sequence[ops.Op]) -> Iterator[Sequence[ops.Op]]:
    """Part a batch into runs: operations that go to the kernel, the resolver or the keeper at once. Most go alone."""
    for _, run in groupby(enumerate(batch), key=lambda numbered: _way(*numbered)):
        yield [op for _, op in run]


def _way(place: int, op: ops.Op) -> object:
    """Return what neighbours in a batch have in common that go at once."""
    if isinstance(op, links.MESSAGES):
        return ("messages", op.netns)
    if isinstance(op, PORTS):
        return type(op)
    return "names" if isinstance(op, CHANGES) else place


def _read_sysctl(work: Batch, query: queries.Sysctl) -> str | None:
    return work.inside(query.netns, lambda procfs: sysctl.read(query.key, procfs=procfs))


def _nft_listings(work: Batch, query: queries.NftListings) -> dict[str, str]:
    if query.made_by is None:
        return work.worker.nft.listings(query.tables)
    with netns.nowhere(work.worker.home_descriptor):
        nft = Nft()
    nft.run(query.made_by)
    return nft.listings(query.tables)


PORTS = (ops.HoldPort, ops.ReleasePort, ops.RelayPort)
"""What ports come in: ranges of thousands."""

_SLOW = (ops.IptablesTransaction,)
