"""resolv.conf: reading the host's, writing a sandbox's, as Docker does (libnetwork's internal/resolvconf). Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address

from netwright.model.addressing import IPAddress

ETC = "/etc/resolv.conf"
RESOLVED = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved writes the servers that it uses itself."""
EMBEDDED = "127.0.0.11"

_STUB = "127.0.0.53"
_FALLBACK4 = ("8.8.8.8", "8.8.4.4")
_FALLBACK6 = ("2001:4860:4860::8888", "2001:4860:4860::8844")


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """What a resolv.conf says. Servers stay texts: they may carry a zone (`fe80::1%eth0`)."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What user and daemon want instead; None leaves the host's. A search of `.` alone means none."""

    servers: tuple[IPAddress, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse(text: str) -> ResolvConf:
    """Read a resolv.conf; the last `search` or `domain` counts (resolv.conf(5))."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", server, *_]:
                servers.append(server)
            case [("search" | "domain"), *domains]:
                search = tuple(domains)
            case ["options", *words]:
                options.extend(words)
    return ResolvConf(tuple(servers), search, tuple(options))


def names_embedded(text: str) -> bool:
    """Tell whether a resolv.conf names the embedded resolver alone."""
    return parse(text).servers == (EMBEDDED,)


def base_path(etc: str) -> str:
    """Return the file to start from: systemd-resolved's own where the host asks only its stub."""
    return RESOLVED if parse(etc).servers == (_STUB,) else ETC


def for_host(text: str, overrides: Overrides, source: str) -> str:
    """Return the file of a sandbox that uses the host's stack: the host's, but for what was asked otherwise."""
    if not (overrides.servers or overrides.search or overrides.options):
        return text
    return _render(_overridden(parse(text), overrides), source, overrides, "")


def for_default_bridge(base: ResolvConf, overrides: Overrides, source: str, *, ipv6: bool) -> str:
    """Return the file of a sandbox on the default bridge, which asks the servers itself.

    The host's loopback servers cannot be reached from it, nor IPv6 ones without IPv6; where none is left, Google's.
    """
    wanted = _overridden(base, overrides)
    note = ""
    if not overrides.servers:
        servers = tuple(server for server in wanted.servers if _reachable(server, ipv6=ipv6))
        if not servers:
            servers = (*_FALLBACK4, *(_FALLBACK6 if ipv6 else ()))
            note = "# Used default nameservers.\n"
        wanted = replace(wanted, servers=servers)
    return _render(wanted, source, overrides, note, kind="legacy")


def for_embedded(base: ResolvConf, overrides: Overrides, source: str) -> str:
    """Return the file of a sandbox that the embedded resolver serves."""
    wanted = _overridden(base, overrides)
    asked = ", ".join(map(str, overrides.servers)) or ", ".join(f"host({server})" for server in wanted.servers)
    own_ndots = any(_is_ndots(option) for option in wanted.options)
    options = tuple(option for option in wanted.options if not option.startswith("ndots:") or _is_ndots(option))
    if not own_ndots:
        options = (*options, "ndots:0")
    note = f"# ExtServers: [{asked}]\n"
    return _render(ResolvConf((EMBEDDED,), wanted.search, options), source, overrides, note, kind="internal resolver")


def _is_ndots(option: str) -> bool:
    return option.startswith("ndots:") and option.removeprefix("ndots:").isdigit()


def _overridden(base: ResolvConf, overrides: Overrides) -> ResolvConf:
    search = tuple(domain for domain in overrides.search if domain != ".") if overrides.search else base.search
    return ResolvConf(
        servers=tuple(map(str, overrides.servers)) or base.servers,
        search=search,
        options=overrides.options or base.options,
    )


def without(conf: ResolvConf, servers: Collection[IPAddress]) -> ResolvConf:
    """Return what a file says but for some servers, in whatever way it writes them."""
    return replace(conf, servers=tuple(one for one in conf.servers if _address(one) not in servers))


def _reachable(server: str, *, ipv6: bool) -> bool:
    address = _address(server)
    return address is not None and not address.is_loopback and (address.version == 4 or ipv6)


def _address(server: str) -> IPAddress | None:
    """Return a server's address without its zone; None where the text is none."""
    try:
        return ip_address(server.partition("%")[0])
    except ValueError:
        return None


def _render(wanted: ResolvConf, source: str, overrides: Overrides, note: str, kind: str = "") -> str:
    lines = [
        "# Generated by netwright in the form of Docker Engine's.",
        "# This file can be edited; the engine will not make further changes once it",
        "# has been modified.",
        "",
        *(f"nameserver {server}" for server in wanted.servers),
    ]
    if wanted.search:
        lines.append("search " + " ".join(wanted.search))
    if wanted.options:
        lines.append("options " + " ".join(wanted.options))
    changed = [
        name
        for name, value in (
            ("nameservers", overrides.servers),
            ("search", overrides.search),
            ("options", overrides.options),
        )
        if value
    ]
    how = f" ({kind})" if kind else ""
    lines += ["", f"# Based on host file: '{source}'{how}"]
    return "\n".join(lines) + "\n" + note + f"# Overrides: [{' '.join(changed)}]\n"
