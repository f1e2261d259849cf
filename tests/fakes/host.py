"""The machine in memory behind the same door as the real one (`host.protocol.Host`)."""

import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from tests.fakes.iptables import Iptables
from tests.fakes.machine import FakeRoute, Machine, Stack, refusal
from tests.fakes.nftables import Nftables
from tests.fakes.steps import Steps

from netwright.dns.explain import Explanation, explain
from netwright.dns.resolvconf import ResolvConf
from netwright.dns.zone import Zone
from netwright.errors import OperationFailed
from netwright.host import ops, queries
from netwright.host.queries import HeldPort
from netwright.model.listener import is_host

T = TypeVar("T")


class FakeHost:
    """Carries operations out on a machine in memory, and takes its time: every step lets others have their turn."""

    def __init__(self, machine: Machine, *, group: int, steps: Steps | None = None) -> None:
        self.machine = machine
        self.announced: list[ops.AnnounceAddress] = []
        self.forgotten: list[ops.ForgetFlows] = []
        self._group = group
        self._steps = steps or Steps()
        self._carry = self._operations()
        self._answer = self._questions()

    async def do(self, batch: Sequence[ops.Op]) -> None:
        """Carry out operations in order. A caller who is cancelled does not stop a batch that is under way."""
        if batch:
            await asyncio.shield(asyncio.ensure_future(self._run(tuple(batch))))

    async def _run(self, batch: tuple[ops.Op, ...]) -> None:
        for done, op in enumerate(batch):
            await asyncio.sleep(0)
            try:
                self._steps.take(op, _refuse)
                self._carry[type(op)](op)
            except OperationFailed as failure:
                failure.done = done
                raise
        await asyncio.sleep(0)

    async def ask(self, query: queries.Query[T]) -> T:
        """Answer a question."""
        await asyncio.sleep(0)
        self._steps.take(query, _refuse)
        return cast("T", self._answer[type(query)](query))

    def _operations(self) -> dict[type[ops.Op], Callable[[Any], None]]:
        return {
            ops.CreateNamespace: self._create_namespace,
            ops.DeleteNamespace: self._delete_namespace,
            ops.AddBridge: self._add_bridge,
            ops.AddVeth: self._add_veth,
            ops.JoinBridge: self._join_bridge,
            ops.DeleteLink: self._delete_link,
            ops.RetireLink: self._retire_link,
            ops.SetLinkUp: self._set_link_up,
            ops.SetLinkMtu: self._set_link_mtu,
            ops.AddAddress: self._add_address,
            ops.DeleteAddress: self._delete_address,
            ops.ReplaceRoute: self._replace_route,
            ops.DeleteRoute: self._delete_route,
            ops.ProxyNeighbour: self._proxy_neighbour,
            ops.UnproxyNeighbour: self._unproxy_neighbour,
            ops.SetSysctl: self._set_sysctl,
            ops.AnnounceAddress: self._announce_address,
            ops.HoldPort: self._hold_port,
            ops.ReleasePort: self._release_port,
            ops.RelayPort: self._relay_port,
            ops.ForgetFlows: self._forget_flows,
            ops.ServeNames: self._serve_names,
            ops.StopNames: self._stop_names,
            ops.SetNameView: self._set_name_view,
            ops.PublishNames: self._publish_names,
            ops.WithdrawNames: self._withdraw_names,
            ops.ReplaceNames: self._replace_names,
            ops.NftTransaction: self._nft_transaction,
            ops.ChangeElements: self._change_elements,
            ops.IptablesTransaction: self._iptables_transaction,
            ops.Mount: self._mount,
            ops.Unmount: self._unmount,
        }

    def _questions(self) -> dict[type[queries.Query[Any]], Callable[[Any], object]]:
        return {
            queries.Links: self._links,
            queries.LinkNamed: self._link_named,
            queries.Routes: self._routes,
            queries.Sysctl: self._sysctl,
            queries.Namespaces: self._namespaces,
            queries.Mounts: self._mounts,
            queries.HeldPorts: self._held_ports,
            queries.ProxiedNeighbours: self._proxied_neighbours,
            queries.NamesServed: self._names_served,
            queries.ExplainName: self._explain_name,
            queries.NamesCounted: self._names_counted,
            queries.NftTables: self._nft_tables,
            queries.NftNames: self._nft_names,
            queries.NftListings: self._nft_listings,
            queries.IptablesRules: self._iptables_rules,
            queries.ReadFile: self._read_file,
            queries.HasIPv6: self._has_ipv6,
        }

    def _create_namespace(self, op: ops.CreateNamespace) -> None:
        if self.machine.pins.get(op.path) is not None:
            raise refusal(errno.EEXIST, f"a network namespace is pinned at {op.path} already")
        made = self.machine.pins[op.path] = Stack()
        made.link("lo").up = True
        made.default_conf["ipv6/disable_ipv6"] = "1"

    def _delete_namespace(self, op: ops.DeleteNamespace) -> None:
        if (stack := self.machine.pins.pop(op.path, None)) is not None:
            self.machine.abandon(stack)

    def _add_bridge(self, op: ops.AddBridge) -> None:
        link = self.machine.home.add(op.name, "bridge", op.mac)
        link.mtu, link.group = op.mtu, op.group

    def _add_veth(self, op: ops.AddVeth) -> None:
        home, inside = self.machine.home, self.machine.stack(op.netns)
        bridge = home.link(op.bridge)
        if bridge.kind != "bridge":
            raise refusal(errno.EOPNOTSUPP, f"{op.bridge} is no bridge")
        if inside.find(op.name) is not None:
            raise refusal(errno.EEXIST, f"an interface named {op.name} is there already")
        host = home.add(op.host_name, "veth", op.host_mac)
        peer = inside.add(op.name, "veth", op.mac)
        host.peer, peer.peer = peer, host
        host.mtu = peer.mtu = op.mtu
        host.group, host.master, host.hairpin = op.group, bridge, op.hairpin

    def _join_bridge(self, op: ops.JoinBridge) -> None:
        link, bridge = self.machine.home.link(op.name), self.machine.home.link(op.bridge)
        if bridge.kind != "bridge":
            raise refusal(errno.EOPNOTSUPP, f"putting {op.name} on {op.bridge}")
        link.master, link.up, link.hairpin = bridge, True, link.hairpin or op.hairpin

    def _delete_link(self, op: ops.DeleteLink) -> None:
        if op.other_end is not None and self.machine.pins.get(op.other_end.netns) is not None:
            self._retire_link(op.other_end)
        if (link := self.machine.home.find(op.name)) is not None:
            self.machine.park(link, self._group)

    def _retire_link(self, op: ops.RetireLink) -> None:
        if (link := self.machine.stack(op.netns).find(op.name)) is not None:
            link.name = f"nwx{link.index}"
            link.addresses = [address for address in link.addresses if address not in op.addresses]

    def _set_link_up(self, op: ops.SetLinkUp) -> None:
        self.machine.stack(op.netns).link(op.name).up = True

    def _set_link_mtu(self, op: ops.SetLinkMtu) -> None:
        self.machine.stack(op.netns).link(op.name).mtu = op.mtu

    def _add_address(self, op: ops.AddAddress) -> None:
        link = self.machine.stack(op.netns).link(op.link)
        if op.address.version == 6 and link.conf["ipv6/disable_ipv6"] == "1":
            raise refusal(errno.EACCES, f"giving {op.address} to {op.link}")
        if op.address not in link.addresses:
            link.addresses.append(op.address)

    def _delete_address(self, op: ops.DeleteAddress) -> None:
        link = self.machine.stack(op.netns).find(op.link)
        if link is not None and op.address in link.addresses:
            link.addresses.remove(op.address)

    def _replace_route(self, op: ops.ReplaceRoute) -> None:
        stack = self.machine.stack(op.netns)
        link = stack.link(op.link)
        if not link.up:
            raise refusal(errno.ENETDOWN, f"setting a route via {op.link}")
        reached = (own.network for own in link.addresses)
        if op.gateway is not None and not any(op.gateway in network for network in reached):
            raise refusal(errno.ENETUNREACH, f"setting a route via {op.gateway}")
        stack.routes[op.version, op.destination] = FakeRoute(op.gateway, link)

    def _delete_route(self, op: ops.DeleteRoute) -> None:
        stack = self.machine.stack(op.netns)
        route = stack.routes.get((op.version, op.destination))
        if route is not None and route.link.name == op.link:
            del stack.routes[op.version, op.destination]

    def _proxy_neighbour(self, op: ops.ProxyNeighbour) -> None:
        self.machine.home.link(op.link).proxied.add(op.address)

    def _unproxy_neighbour(self, op: ops.UnproxyNeighbour) -> None:
        for link in self.machine.home.links.values():
            link.proxied.discard(op.address)

    def _set_sysctl(self, op: ops.SetSysctl) -> None:
        stack = self.machine.stack(op.netns)
        slot = stack.slot(op.key)
        if slot is None:
            if op.optional:
                return
            raise OperationFailed(f"this kernel has no sysctl {op.key}")
        slot[0][slot[1]] = op.value
        if slot[1] == "ipv6/disable_ipv6" and op.value == "1" and (link := stack.find(op.key.split("/")[3])):
            link.addresses = [address for address in link.addresses if address.version == 4]

    def _announce_address(self, op: ops.AnnounceAddress) -> None:
        self.announced.append(op)

    def _hold_port(self, op: ops.HoldPort) -> None:
        port = HeldPort(protocol=op.protocol, address=op.address, port=op.port)
        if not self.machine.has_address(op.address):
            raise refusal(errno.EADDRNOTAVAIL, f"failed to bind host port {op.address}:{op.port}/{op.protocol}")
        if self.machine.busy(port):
            raise refusal(errno.EADDRINUSE, f"failed to bind host port {op.address}:{op.port}/{op.protocol}")
        self.machine.held[port] = None

    def _release_port(self, op: ops.ReleasePort) -> None:
        self.machine.held.pop(HeldPort(protocol=op.protocol, address=op.address, port=op.port), None)

    def _relay_port(self, op: ops.RelayPort) -> None:
        port = HeldPort(protocol=op.protocol, address=op.address, port=op.port)
        if port not in self.machine.held:
            raise OperationFailed(f"port {op.port}/{op.protocol} at {op.address} is not held")
        self.machine.held[port] = (op.to_address, op.to_port)

    def _forget_flows(self, op: ops.ForgetFlows) -> None:
        self.forgotten.append(op)

    def _serve_names(self, op: ops.ServeNames) -> None:
        if not is_host(op.netns):
            self.machine.stack(op.netns)
        self.machine.zone.views[op.netns] = op.view

    def _stop_names(self, op: ops.StopNames) -> None:
        self.machine.zone.views.pop(op.netns, None)

    def _set_name_view(self, op: ops.SetNameView) -> None:
        self.machine.zone.views[op.netns] = op.view

    def _publish_names(self, op: ops.PublishNames) -> None:
        self.machine.zone.add(op.member)

    def _withdraw_names(self, op: ops.WithdrawNames) -> None:
        self.machine.zone.remove(op.member.network, op.member.endpoint)

    def _replace_names(self, op: ops.ReplaceNames) -> None:
        served, self.machine.zone = self.machine.zone.views, Zone()
        for member in op.members:
            self.machine.zone.add(member)
        self.machine.zone.views.update({path: op.views.get(path, view) for path, view in served.items()})

    def _nft_transaction(self, op: ops.NftTransaction) -> None:
        self.machine.nft.run(op.commands)

    def _change_elements(self, op: ops.ChangeElements) -> None:
        self.machine.nft.run("\n".join(map(str, op.changes)))

    def _iptables_transaction(self, op: ops.IptablesTransaction) -> None:
        self._installed(op.version).restore(op.rules)

    def _installed(self, version: int) -> Iptables:
        try:
            return self.machine.iptables[version]
        except KeyError:
            raise OperationFailed("iptables-restore is not installed") from None

    def _mount(self, op: ops.Mount) -> None:
        self.machine.mounts.setdefault(op.target, op.type)

    def _unmount(self, op: ops.Unmount) -> None:
        self.machine.mounts.pop(op.target, None)

    def _links(self, query: queries.Links) -> tuple[queries.Link, ...]:
        return tuple(link.shown() for link in self.machine.stack(query.netns).links.values())

    def _link_named(self, query: queries.LinkNamed) -> queries.Link | None:
        found = self.machine.home.find(query.name)
        return None if found is None else found.shown()

    def _routes(self, query: queries.Routes) -> tuple[queries.Route, ...]:
        shown = self.machine.stack(query.netns).shown_routes()
        return tuple(route for route in shown if route.link not in query.but_through)

    def _sysctl(self, query: queries.Sysctl) -> str | None:
        slot = self.machine.stack(query.netns).slot(query.key)
        return None if slot is None else slot[0][slot[1]]

    def _namespaces(self, query: queries.Namespaces) -> tuple[str, ...]:
        return tuple(sorted(path for path in self.machine.pins if path.rpartition("/")[0] == query.directory))

    def _mounts(self, query: queries.Mounts) -> tuple[str, ...]:
        pinned = (path for path, stack in self.machine.pins.items() if stack is not None)
        below = f"{query.directory}/"
        return tuple(sorted(path for path in (*self.machine.mounts, *pinned) if path.startswith(below)))

    def _held_ports(self, _: queries.HeldPorts) -> tuple[HeldPort, ...]:
        return tuple(self.machine.held)

    def _proxied_neighbours(self, _: queries.ProxiedNeighbours) -> tuple[queries.ProxiedNeighbour, ...]:
        links = self.machine.home.links.values()
        return tuple(queries.ProxiedNeighbour(link=link.name, address=own) for link in links for own in link.proxied)

    def _names_served(self, query: queries.NamesServed) -> tuple[str, ...]:
        views = self.machine.zone.views
        return tuple(path for path in views if is_host(path) or path.startswith(f"{query.directory}/"))

    def _explain_name(self, query: queries.ExplainName) -> Explanation:
        view = self.machine.zone.views.get(query.netns)
        if view is None:
            raise refusal(errno.ENOENT, f"no sandbox {query.netns} is served")
        try:
            return explain(self.machine.zone, view, query.name, query.kind, ResolvConf(("192.0.2.53",)))
        except ValueError as error:
            raise refusal(errno.EINVAL, str(error)) from None

    def _names_counted(self, query: queries.NamesCounted) -> tuple[queries.NameCounts, ...]:
        served = self._names_served(queries.NamesServed(query.directory))
        return tuple(queries.NameCounts(netns=path) for path in served if not is_host(path))

    def _nft_tables(self, _: queries.NftTables) -> tuple[str, ...]:
        return tuple(self.machine.nft.tables)

    def _nft_names(self, query: queries.NftNames) -> tuple[str, ...]:
        found = self.machine.nft.tables.get(f"{query.family} {query.table}")
        return () if found is None else tuple(name.split(" . ")[0].strip('"') for name in found.sets[query.set])

    def _nft_listings(self, query: queries.NftListings) -> dict[str, str]:
        asked = self.machine.nft
        if query.made_by is not None:
            asked = Nftables()
            asked.run(query.made_by)
        return {name: asked.tables[name].listing(name) for name in query.tables if name in asked.tables}

    def _iptables_rules(self, query: queries.IptablesRules) -> str | None:
        found = self.machine.iptables.get(query.version)
        return None if found is None else found.save(query.table)

    def _read_file(self, query: queries.ReadFile) -> str | None:
        return self.machine.files.get(query.path)

    def _has_ipv6(self, _: queries.HasIPv6) -> bool:
        return self.machine.has_ipv6


def _refuse(reason: str) -> Exception:
    return OperationFailed(reason, errno=errno.EIO)
