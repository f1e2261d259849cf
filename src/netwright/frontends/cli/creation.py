"""From the flags of `run` and `create` to the request that the API takes.

What the user did not say is left out: the engine's defaults are its own affair.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from netwright.frontends.cli.document import Json
from netwright.frontends.cli.environment import environment, read_lines
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Values, bad_value
from netwright.frontends.cli.joining import joinings
from netwright.frontends.cli.mounts import binds_and_volumes, mounts, tmpfs
from netwright.frontends.cli.publish import bindings, exposed, port_bindings
from netwright.frontends.cli.quantities import parse_cpus, parse_size
from netwright.frontends.cli.terminal import size

_CONFIG_TEXTS = {
    "hostname": "Hostname",
    "domainname": "Domainname",
    "user": "User",
    "workdir": "WorkingDir",
    "stop-signal": "StopSignal",
}
_HOST_TEXTS = {
    "cgroup-parent": "CgroupParent",
    "cpuset-cpus": "CpusetCpus",
    "cpuset-mems": "CpusetMems",
    "ipc": "IpcMode",
    "pid": "PidMode",
    "runtime": "Runtime",
    "userns": "UsernsMode",
    "uts": "UTSMode",
    "cidfile": "ContainerIDFile",
}
_HOST_LISTS = {
    "dns-option": "DnsOptions",
    "dns-search": "DnsSearch",
    "group-add": "GroupAdd",
    "security-opt": "SecurityOpt",
    "volumes-from": "VolumesFrom",
}
_HOST_SWITCHES = {
    "init": "Init",
    "privileged": "Privileged",
    "publish-all": "PublishAllPorts",
    "read-only": "ReadonlyRootfs",
    "rm": "AutoRemove",
}
_HOST_NUMBERS = {
    "cpu-period": "CpuPeriod",
    "cpu-quota": "CpuQuota",
    "cpu-shares": "CpuShares",
    "oom-score-adj": "OomScoreAdj",
    "pids-limit": "PidsLimit",
}
_HOST_SIZES = {
    "memory": ("Memory", "-m, --memory"),
    "memory-reservation": ("MemoryReservation", "--memory-reservation"),
    "memory-swap": ("MemorySwap", "--memory-swap"),
    "shm-size": ("ShmSize", "--shm-size"),
}
_STREAMS = ("stdin", "stdout", "stderr")


def container_request(values: Values, image: str, command: Sequence[str], *, detached: bool) -> dict[str, Json]:
    """Return the body of `POST /containers/create`. Raises CommandFailed in Docker's words."""
    published = bindings(values.many("publish"))
    networks = joinings(values)
    config = _config(values, image, command, detached=detached)
    ports = dict.fromkeys([*exposed(values.many("expose")), *(port for port, _, _ in published)])
    config["ExposedPorts"] = {port: {} for port in ports}
    binds, volumes = binds_and_volumes(values.many("volume"))
    config["Volumes"] = {path: {} for path in volumes}
    host = _host(values)
    host |= {
        "NetworkMode": networks.mode,
        "PortBindings": port_bindings(published),
        "Binds": [*binds],
        "Mounts": mounts(values.many("mount")),
        "Tmpfs": tmpfs(values.many("tmpfs")),
        # On a user-defined network a link is a name on that network too: see `joining`.
        "Links": [*values.many("link")],
    }
    return {
        **_said(config),
        "HostConfig": _said(host),
        "NetworkingConfig": {"EndpointsConfig": networks.endpoints},
    }


def attached_streams(values: Values, *, detached: bool) -> frozenset[str]:
    """Return which streams the client takes part in. Raises CommandFailed."""
    asked = frozenset(stream.lower() for stream in values.many("attach"))
    if unknown := asked - set(_STREAMS):
        raise bad_value("-a, --attach", min(unknown), "valid streams are STDIN, STDOUT and STDERR")
    if detached:
        if asked:
            raise _refused("conflicting options: cannot specify both --attach and --detach")
        return frozenset()
    return asked or frozenset({"stdout", "stderr", *(["stdin"] if values.on("interactive") else [])})


def _config(values: Values, image: str, command: Sequence[str], *, detached: bool) -> dict[str, Json]:
    streams = attached_streams(values, detached=detached)
    config: dict[str, Json] = {name: values.text(flag) for flag, name in _CONFIG_TEXTS.items()}
    config |= {
        "Image": image,
        "Cmd": [*command],
        "Env": [*environment(values)],
        "Labels": _labels(values),
        "Tty": values.on("tty"),
        "OpenStdin": values.on("interactive"),
        "StdinOnce": values.on("interactive") and "stdin" in streams,
        **{f"Attach{stream.capitalize()}": stream in streams for stream in _STREAMS},
    }
    if values.given("entrypoint"):
        config["Entrypoint"] = [values.text("entrypoint")]  # an empty one takes the image's away
    if values.given("stop-timeout"):
        config["StopTimeout"] = values.number("stop-timeout")
    return config


def _host(values: Values) -> dict[str, Json]:
    restart = _restart_policy(values.text("restart"))
    if values.on("rm") and restart["Name"] != "no":
        raise _refused("conflicting options: cannot specify both --restart and --rm")
    host: dict[str, Json] = {name: values.text(flag) for flag, name in _HOST_TEXTS.items()}
    host |= {name: [*values.many(flag)] for flag, name in _HOST_LISTS.items()}
    host |= {name: values.on(flag) for flag, name in _HOST_SWITCHES.items() if values.given(flag)}
    host |= {name: values.number(flag) for flag, name in _HOST_NUMBERS.items()}
    for flag, (name, shown) in _HOST_SIZES.items():
        written = values.text(flag)
        host[name] = -1 if written == "-1" and flag == "memory-swap" else parse_size(written, shown) if written else 0
    host |= {
        "NanoCpus": parse_cpus(values.text("cpus"), "--cpus") if values.text("cpus") else 0,
        "RestartPolicy": restart,
        "Dns": [_checked_address(text) for text in values.many("dns")],
        "ExtraHosts": [_extra_host(text) for text in values.many("add-host")],
        "Sysctls": _pairs(values.many("sysctl")),
        "Annotations": _pairs(values.many("annotation")),
        "CapAdd": [_capability(text) for text in values.many("cap-add")],
        "CapDrop": [_capability(text) for text in values.many("cap-drop")],
        "Ulimits": [_ulimit(text) for text in sorted(values.many("ulimit"))],
        "Devices": [_device(text) for text in values.many("device")],
    }
    if values.text("log-driver") or values.many("log-opt"):
        host["LogConfig"] = {"Type": values.text("log-driver"), "Config": _pairs(values.many("log-opt"))}
    if values.on("tty") and (console := size()) is not None:
        host["ConsoleSize"] = [console.rows, console.columns]
    return host


def _labels(values: Values) -> dict[str, Json]:
    lines = [line for name in values.many("label-file") for line in read_lines(name, inherit=False)]
    return _pairs([*lines, *values.many("label")])


def _pairs(texts: Sequence[str]) -> dict[str, Json]:
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def _restart_policy(text: str) -> dict[str, Json]:
    name, colon, count = text.partition(":")
    if colon and not name:
        raise _refused("invalid restart policy format: no policy provided before colon")
    if colon and not count.isdigit():
        raise _refused("invalid restart policy format: maximum retry count must be an integer")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _checked_address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise bad_value("--dns", text, f"IP address is not correctly formatted: {text}") from None


def _extra_host(text: str) -> str:
    match = re.fullmatch(r"([^=:]+)[=:](.+)", text)
    if match is None:
        raise bad_value("--add-host", text, f'bad format for add-host: "{text}"')
    address = match[2].removeprefix("[").removesuffix("]")
    if address != "host-gateway":
        try:
            ip_address(address)
        except ValueError:
            raise bad_value("--add-host", text, f'invalid IP address in add-host: "{match[2]}"') from None
    return f"{match[1]}:{address}"


def _capability(text: str) -> str:
    """Return `NET_ADMIN` in the kernel's spelling, as Docker's command line sends and `inspect` shows it."""
    name = text.strip().upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def _ulimit(text: str) -> Json:
    match = re.fullmatch(r"(\w+)=(-?\d+)(?::(-?\d+))?", text)
    if match is None:
        raise bad_value("--ulimit", text, f"invalid ulimit argument: {text}")
    return {"Name": match[1], "Soft": int(match[2]), "Hard": int(match[3] or match[2])}


def _device(text: str) -> Json:
    host, *rest = text.split(":")
    permissions = "rwm"
    if rest and re.fullmatch(r"[rwm]+", rest[-1]):
        permissions = rest.pop()
    if not host or len(rest) > 1:
        raise _refused(f"invalid device specification: {text}")
    return {"PathOnHost": host, "PathInContainer": rest[0] if rest else host, "CgroupPermissions": permissions}


def _said(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what was not said; an empty entrypoint was."""
    return {key: value for key, value in settings.items() if value or value is None}


def _refused(reason: str) -> CommandFailed:
    return CommandFailed(reason, code=125)
