"""/etc/hosts, /etc/hostname and /etc/resolv.conf of a container: written on the host, mounted into it."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from netwright.containers.disk import on_disk
from netwright.containers.layout import Layout
from netwright.controller.api import Attachment
from netwright.dns import hosts, resolvconf
from netwright.model.addressing import IPAddress, parse_address
from netwright.model.container import Container, HostSettings
from netwright.model.names import Id

HOSTS = "/etc/hosts"
HOSTNAME = "/etc/hostname"
RESOLV_CONF = "/etc/resolv.conf"

DEFAULT_BRIDGE = "bridge"
_STACKLESS = frozenset(("host", "null"))
"""Drivers of networks that lead to no other container."""
_IPV6 = Path("/proc/net/if_inet6")
"""Not there where the kernel has no IPv6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameSettings:
    """What the daemon's options say of names; `host_gateways` are the addresses for `host-gateway`.

    `default_bridge_names` tells whether the default bridge is served by the embedded resolver like all other networks.
    `source` is a file to take for the host's resolv.conf on the default bridge, "" for the usual one.
    """

    dns: tuple[IPAddress, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    host_gateways: Callable[[], Sequence[IPAddress]] = tuple
    default_bridge_names: bool = False
    source: str = ""


class Former(NamedTuple):
    """What a file was before it was written anew, and what it is since."""

    path: str
    text: str
    since: str

    def undone(self, text: str) -> str:
        """Return what it was, for what it is now: that, where somebody else has written it since."""
        return self.text if text == self.since else text


class NetworkFiles:
    """Writes the three files. They are cut and written anew, never renamed: a mounted file is that very file."""

    def __init__(self, layout: Layout, settings: NameSettings) -> None:
        self._layout = layout
        self._settings = settings
        self._asking: set[Id] = set()
        """Containers whose resolv.conf is known to name the embedded resolver, or to be somebody else's."""

    def paths(self, identity: Id) -> Mapping[str, str]:
        """Return for each target inside the container the path on the host."""
        directory = self._layout.container(identity)
        return {target: f"{directory}/{target.rpartition('/')[2]}" for target in (RESOLV_CONF, HOSTNAME, HOSTS)}

    async def write(
        self, container: Container, attachments: Sequence[Attachment], links: Sequence[hosts.Entry]
    ) -> Mapping[str, str]:
        """Write the files of a container and return their paths. Raises InvalidInput for bad extra hosts."""
        paths = self.paths(container.id)
        self.forget(container.id)
        await on_disk(self._write, paths, container, attachments, links)
        return paths

    def _write(
        self,
        paths: Mapping[str, str],
        container: Container,
        attachments: Sequence[Attachment],
        links: Sequence[hosts.Entry],
    ) -> None:
        Path(paths[HOSTNAME]).write_text(container.hostname + "\n")
        Path(paths[HOSTS]).write_text(self._hosts(container, attachments, links))
        resolv_conf = Path(paths[RESOLV_CONF])
        resolv_conf.write_text(self._resolv_conf(container.host, attachments))
        _remember(resolv_conf)
        for path in paths.values():
            Path(path).chmod(0o644)

    def _hosts(self, container: Container, attachments: Sequence[Attachment], links: Sequence[hosts.Entry]) -> str:
        uses_host = any(item.network.driver == "host" for item in attachments)
        if uses_host and not container.host.extra_hosts:
            return _read(Path(HOSTS))
        extra = hosts.extra_entries(container.host.extra_hosts, self._settings.host_gateways())
        own = _own_entries(container, attachments)
        return hosts.build([*extra, *links], own, ipv6=_has_loopback6(container.host))

    def _overrides(self, host: HostSettings) -> resolvconf.Overrides:
        return resolvconf.Overrides(
            servers=tuple(map(parse_address, host.dns)) or self._settings.dns,
            search=host.dns_search or self._settings.dns_search,
            options=host.dns_options or self._settings.dns_options,
        )

    def _embedded(self, host: HostSettings) -> str:
        """Return a resolv.conf that names the embedded resolver."""
        etc = resolvconf.parse(_read(Path(resolvconf.ETC)))
        return resolvconf.for_embedded(etc, self._overrides(host), resolvconf.ETC)

    def _resolv_conf(self, host: HostSettings, attachments: Sequence[Attachment]) -> str:
        if self._is_embedded(attachments):
            return self._embedded(host)
        etc, overrides = _read(Path(resolvconf.ETC)), self._overrides(host)
        if {item.network.driver for item in attachments} <= _STACKLESS:
            return resolvconf.for_host(etc, overrides, resolvconf.ETC)
        source = self._settings.source or resolvconf.base_path(etc)
        base = resolvconf.parse(_read(Path(source)))
        ipv6 = any(item.endpoint.ipv6 is not None for item in attachments)
        return resolvconf.for_default_bridge(base, overrides, source, ipv6=ipv6)

    def _is_embedded(self, attachments: Sequence[Attachment]) -> bool:
        """Tell whether the engine's own resolver answers."""
        return any(
            item.network.driver not in _STACKLESS
            and (self._settings.default_bridge_names or item.network.name != DEFAULT_BRIDGE)
            for item in attachments
        )

    def refresh(self, container: Container, attachments: Sequence[Attachment], former: list[Former]) -> None:
        """Bring the container's own lines in its hosts file up to date; lines that somebody else wrote stay. Blocks.

        With its first network of the embedded resolver its resolv.conf names that one from then on, unless somebody has
        changed the file. What files were is noted in `former` before they are written.
        """
        paths = self.paths(container.id)
        edit(paths[HOSTS], lambda text: _with_own_lines(text, container, attachments), former)
        if container.id not in self._asking and self._is_embedded(attachments):
            self._ask_embedded(Path(paths[RESOLV_CONF]), container.host, attachments, former)
            self._asking.add(container.id)

    def _ask_embedded(
        self, path: Path, host: HostSettings, attachments: Sequence[Attachment], former: list[Former]
    ) -> None:
        """Let resolv.conf name the embedded resolver where it does not yet and is ours still."""
        text = _read(path)
        if resolvconf.names_embedded(text) or _read(_hash_of(path)) != _digest(text):
            return
        becomes = self._resolv_conf(host, attachments)
        edit(str(path), lambda _: becomes, former)
        edit(str(_hash_of(path)), lambda _: _digest(becomes), former)

    def put_back(self, identity: Id, former: Sequence[Former]) -> None:
        """Let files of a container be what they were, where nobody else has written them since. Blocks."""
        self.forget(identity)
        for one in reversed(former):
            edit(one.path, one.undone, [])

    def forget(self, identity: Id) -> None:
        """Know nothing of a container's files any more; content where nothing is known."""
        self._asking.discard(identity)

    def restore(self, container: Container, attachments: Sequence[Attachment]) -> None:
        """Bring the files up to date after a kill in the middle of `refresh`, or of the change around it. Blocks."""
        self.refresh(container, attachments, [])
        if not (self._is_embedded(attachments) or {item.network.driver for item in attachments} <= _STACKLESS):
            self._forsake_embedded(Path(self.paths(container.id)[RESOLV_CONF]), container.host, attachments)

    def _forsake_embedded(self, path: Path, host: HostSettings, attachments: Sequence[Attachment]) -> None:
        """Let resolv.conf name the embedded resolver no more where it does and is ours: its hash may be missing."""
        text = _read(path)
        if resolvconf.names_embedded(text) and (_read(_hash_of(path)) == _digest(text) or text == self._embedded(host)):
            becomes = self._resolv_conf(host, attachments)
            edit(str(path), lambda _: becomes, [])
            _remember(path)


def _has_loopback6(host: HostSettings) -> bool:
    """Tell whether there will be ::1 in a container; its networks do not matter for that, as in Docker."""
    off = ("net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.lo.disable_ipv6")
    return _IPV6.exists() and not any(host.sysctls.get(name, "0").strip() == "1" for name in off)


def _remember(path: Path) -> None:
    """Note what a file was written as, beside it, as Docker does."""
    digest = _digest(_read(path))
    edit(str(_hash_of(path)), lambda _: digest, [])


def _hash_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.hash")


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _names(container: Container) -> tuple[str, ...]:
    return hosts.own_names(container.hostname, container.config.domainname)


def _own_entries(container: Container, attachments: Sequence[Attachment]) -> list[hosts.Entry]:
    names = _names(container)
    return [
        hosts.Entry(str(interface.ip), names)
        for item in attachments
        for interface in (item.endpoint.ipv4, item.endpoint.ipv6)
        if interface is not None
    ]


def _with_own_lines(text: str, container: Container, attachments: Sequence[Attachment]) -> str:
    """Return the text of a hosts file with other lines of the container's own."""
    names = _names(container)
    kept = [line for line in text.splitlines() if tuple(line.split()[1:]) != names]
    return "\n".join([*kept, *map(str, _own_entries(container, attachments))]) + "\n"


def edit(path: str, change: Callable[[str], str], former: list[Former]) -> None:
    """Give a file the text that its own is to become, and note before what it was; content where that is the same.

    It stays the same file, since containers see it through a mount of it, and is never empty in between: whoever reads
    meanwhile sees the new text, perhaps with the end of a longer old one. (And ext4 flushes a file to the disk that is
    emptied first.)
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        # No file object: to prepare for more than these few lines takes longer than to read and write them.
        text = os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()
        becomes = change(text)
        if becomes != text:
            former.append(Former(path, text, becomes))
            _overwrite(descriptor, becomes.encode())
    finally:
        os.close(descriptor)


def _overwrite(descriptor: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], written)
    os.ftruncate(descriptor, len(data))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
