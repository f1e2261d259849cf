"""`--network` and its company: which networks a new container is on, and what it wants of each."""

import csv
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netwright.frontends.cli.document import Json
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Values, bad_value

DEFAULT = "default"
_LONG_FORM = re.compile(r"\w+=\w+(,\w+=\w+)*")
_MAC = re.compile(r"(?i)(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")


class Joining(NamedTuple):
    """What is asked of one network; `target` is its name or id, or a mode such as `host`."""

    target: str
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ip: str = ""
    ip6: str = ""
    mac: str = ""
    link_local: tuple[str, ...] = ()
    driver_options: tuple[str, ...] = ()
    priority: int = 0

    @property
    def user_defined(self) -> bool:
        """Whether the target is a network that somebody made, and no mode."""
        return self.target not in {DEFAULT, "bridge", "host", "none"} and not self.target.startswith("container:")

    def settings(self) -> dict[str, Json]:
        """Return it as the API's EndpointSettings, what is not asked for left out. Raises CommandFailed."""
        if not self.target.strip():
            raise _refused("no name set for network")
        if not self.user_defined and self.aliases:
            raise _refused("network-scoped aliases are only supported for user-defined networks")
        if not self.user_defined and self.links:
            raise _refused("links are only supported for user-defined networks")
        if self.mac and _MAC.fullmatch(self.mac) is None:
            raise _refused(f"{self.mac} is not a valid mac address")
        addresses: dict[str, Json] = {
            "IPv4Address": self.ip,
            "IPv6Address": self.ip6,
            "LinkLocalIPs": [*self.link_local],
        }
        settings: dict[str, Json] = {
            "IPAMConfig": {**_said(addresses)},
            "Aliases": [*self.aliases],
            "Links": [link if ":" in link else f"{link}:{link}" for link in self.links],
            "MacAddress": self.mac,
            "DriverOpts": {key: value for key, _, value in (option.partition("=") for option in self.driver_options)},
            "GwPriority": self.priority,
        }
        return _said(settings)


class Joinings(NamedTuple):
    """All networks of a container: the mode, and what is asked of each network by its name."""

    mode: str
    endpoints: dict[str, Json]


def joinings(values: Values) -> Joinings:
    """Return the networks that the flags ask for. Raises CommandFailed in Docker's words."""
    found = [parse(text) for text in values.many("network")] or [Joining(DEFAULT)]
    found[0] = _with_flags(found[0], values)
    if len({joining.user_defined for joining in found}) > 1:
        raise _refused("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
    endpoints: dict[str, Json] = {}
    for joining in found:
        if joining.target in endpoints:
            raise _refused(f'network "{joining.target}" is specified multiple times')
        settings = joining.settings()
        if settings or len(found) > 1:
            endpoints[joining.target] = settings
    return Joinings(found[0].target, endpoints)


def parse(text: str) -> Joining:
    """Read one `--network`: a name, or fields as in `name=back,ip=10.9.0.5,alias=db`. Raises CommandFailed.

    Docker lower-cases the fields, keys and values alike; so are they here.
    """
    if _LONG_FORM.search(text) is None:
        return Joining(text)
    fields: dict[str, list[str]] = {}
    for field in next(csv.reader([text])):
        key, equals, value = field.lower().partition("=")
        if not equals:
            raise bad_value("--network", text, f"invalid field {field}")
        fields.setdefault(key.strip(), []).append(value.strip())
    if unknown := sorted(fields.keys() - _FIELDS):
        raise bad_value("--network", text, f"invalid field key {unknown[0]}")
    if not fields.get("name"):
        raise bad_value("--network", text, "network name/id is not specified")
    for option in fields.get("driver-opt", ()):
        if "=" not in option:
            raise bad_value("--network", text, "invalid key value pair format in driver options")
    return Joining(
        target=_last(fields, "name"),
        aliases=tuple(fields.get("alias", ())),
        ip=_last(fields, "ip"),
        ip6=_last(fields, "ip6"),
        mac=_last(fields, "mac-address"),
        link_local=tuple(fields.get("link-local-ip", ())),
        driver_options=tuple(fields.get("driver-opt", ())),
        priority=_priority(_last(fields, "gw-priority") or "0", text),
    )


_FIELDS = frozenset({"name", "alias", "ip", "ip6", "mac-address", "link-local-ip", "driver-opt", "gw-priority"})


def _with_flags(joining: Joining, values: Values) -> Joining:
    """Add what flags such as `--ip` say; they are about the first network and may not say what it says itself."""
    both = (
        ("--network-alias", "per-network alias", joining.aliases, values.many("network-alias")),
        ("--link", "per-network links", joining.links, values.many("link")),
        ("--ip", "per-network IPv4 address", joining.ip, values.text("ip")),
        ("--ip6", "per-network IPv6 address", joining.ip6, values.text("ip6")),
        ("--mac-address", "per-network MAC address", joining.mac, values.text("mac-address")),
        ("--link-local-ip", "per-network link-local IP addresses", joining.link_local, values.many("link-local-ip")),
    )
    for flag, field, own, given in both:
        if own and given:
            raise _refused(f"conflicting options: cannot specify both {flag} and {field}")
    return joining._replace(
        aliases=joining.aliases or values.many("network-alias"),
        # On the default bridge a link is the container's, not the endpoint's: see `creation`.
        links=joining.links or (values.many("link") if joining.user_defined else ()),
        ip=joining.ip or values.text("ip"),
        ip6=joining.ip6 or values.text("ip6"),
        mac=joining.mac or values.text("mac-address"),
        link_local=joining.link_local or values.many("link-local-ip"),
    )


def _priority(text: str, whole: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise bad_value("--network", whole, f"invalid gw-priority ({text}): invalid syntax") from None


def _last(fields: Mapping[str, Sequence[str]], key: str) -> str:
    return fields[key][-1] if key in fields else ""


def _said(settings: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in settings.items() if value}


def _refused(reason: str) -> CommandFailed:
    return CommandFailed(reason, code=125)
