"""The flags of `run` and `create`."""

from netwright.frontends.cli.environment import ENV, ENV_FILE
from netwright.frontends.cli.flags import Flag, Kind, switch

_NETWORK = (
    Flag("add-host", "Add a line to /etc/hosts: name:address (address host-gateway: this host)", Kind.LIST),
    Flag("dns", "Name server", Kind.LIST, takes="address"),
    Flag("dns-option", "Option for the resolver", Kind.LIST, takes="option", also=("dns-opt",)),
    Flag("dns-search", "Search domain (. for none)", Kind.LIST, takes="domain"),
    Flag("domainname", "Domain name"),
    Flag("expose", "Say that a port or range is served", Kind.LIST, takes="port"),
    Flag("hostname", "Host name", short="h", takes="name"),
    Flag("ip", "IPv4 address on the first network", takes="address"),
    Flag("ip6", "IPv6 address on the first network", takes="address"),
    Flag("link", "Give another container a name here, container:name", Kind.LIST, offers=("containers",)),
    Flag("link-local-ip", "Link-local address on the first network", Kind.LIST, takes="address"),
    Flag("mac-address", "MAC address on the first network", takes="address"),
    Flag(
        "network",
        "Network to be on: a name, host, none, container:NAME, or name=...,ip=...,alias=...; may be repeated",
        Kind.LIST,
        takes="network",
        offers=("networks", "host", "none"),
        also=("net",),
    ),
    Flag("network-alias", "Further name on the first network", Kind.LIST, takes="name", also=("net-alias",)),
    Flag("publish", "Publish a port: [[address:]port:]port[/protocol], also ranges", Kind.LIST, "p", takes="port"),
    switch("publish-all", "Publish all exposed ports on free ports", "P"),
    Flag("sysctl", "Set a kernel parameter, name=value", Kind.LIST, takes="parameter"),
)
_PROCESS = (
    Flag("attach", "Attach stdin, stdout or stderr", Kind.LIST, "a", offers=("stdin", "stdout", "stderr")),
    Flag("entrypoint", "Replace the image's entrypoint", takes="command"),
    ENV,
    ENV_FILE,
    switch("init", "Run an init that reaps processes and hands signals on"),
    switch("interactive", "Keep stdin open", "i"),
    Flag(
        "restart",
        "When to restart it",
        takes="policy",
        default="no",
        offers=("no", "always", "unless-stopped", "on-failure"),
    ),
    Flag("stop-signal", "Signal that stops it", takes="signal", offers=("signals",)),
    Flag("stop-timeout", "Seconds that it is given to stop", Kind.NUMBER, takes="seconds"),
    switch("tty", "Give it a terminal", "t"),
    Flag("user", "User and group: name or number, user:group", short="u", takes="user"),
    Flag("workdir", "Working directory", short="w", takes="path"),
)
_FILES = (
    Flag("mount", "Mount: type=bind,source=...,target=...[,readonly]", Kind.LIST, takes="mount"),
    switch("read-only", "Make its root filesystem read-only"),
    Flag("shm-size", "Size of /dev/shm", takes="bytes"),
    Flag("tmpfs", "Mount a tmpfs, path[:options]", Kind.LIST, takes="path"),
    Flag(
        "volume",
        "Mount a directory or volume, source:path[:ro]",
        Kind.LIST,
        "v",
        takes="volume",
        offers=("volumes", "files"),
    ),
    Flag(
        "volumes-from", "Mount the volumes of another container", Kind.LIST, takes="container", offers=("containers",)
    ),
)
_RIGHTS = (
    Flag("cap-add", "Add a capability", Kind.LIST, takes="capability"),
    Flag("cap-drop", "Drop a capability", Kind.LIST, takes="capability"),
    Flag("device", "Give it a device, path[:path][:rwm]", Kind.LIST, takes="device", offers=("files",)),
    Flag("group-add", "Further group", Kind.LIST, takes="group"),
    Flag("ipc", "IPC namespace", takes="mode", offers=("private", "host")),
    Flag("pid", "PID namespace", takes="mode", offers=("host",)),
    switch("privileged", "Give it all rights"),
    Flag("security-opt", "Security option", Kind.LIST, takes="option"),
    Flag("userns", "User namespace", takes="mode", offers=("host",)),
    Flag("uts", "UTS namespace", takes="mode", offers=("host",)),
)
_LIMITS = (
    Flag("cgroup-parent", "Parent of its cgroup", takes="cgroup"),
    Flag("cpu-period", "Period of the CPU quota, microseconds", Kind.NUMBER),
    Flag("cpu-quota", "CPU time in a period, microseconds", Kind.NUMBER),
    Flag("cpu-shares", "Relative weight of its CPU time", Kind.NUMBER, "c"),
    Flag("cpus", "How many processors, such as 1.5", takes="number"),
    Flag("cpuset-cpus", "Processors it may use: 0-3, 0,1", takes="processors"),
    Flag("cpuset-mems", "Memory nodes it may use: 0-3, 0,1", takes="nodes"),
    Flag("memory", "Limit of memory, such as 64m", short="m", takes="bytes"),
    Flag("memory-reservation", "Soft limit of memory", takes="bytes"),
    Flag("memory-swap", "Limit of memory and swap together; -1: none", takes="bytes"),
    Flag("oom-score-adj", "How gladly the kernel ends it when memory is short", Kind.NUMBER),
    Flag("pids-limit", "How many processes it may have; -1: any number", Kind.NUMBER),
    Flag("ulimit", "Resource limit, name=soft[:hard]", Kind.LIST, takes="limit"),
)
_ITSELF = (
    Flag("annotation", "Annotation for the runtime, name=value", Kind.LIST),
    Flag("cidfile", "Write the container's id to this file", takes="file", offers=("files",)),
    Flag("label", "Attach a label, name=value", Kind.LIST, "l"),
    Flag("label-file", "Attach the labels in a file", Kind.LIST, takes="file", offers=("files",)),
    Flag("log-driver", "Where its output is kept", takes="driver"),
    Flag("log-opt", "Option for that", Kind.LIST, takes="option"),
    Flag("name", "Name of the container", takes="name"),
    Flag("platform", "Platform, such as linux/amd64", takes="platform"),
    Flag("pull", "Pull the image first", takes="when", default="missing", offers=("always", "missing", "never")),
    switch("quiet", "Do not show the progress of a pull", "q"),
    switch("rm", "Remove it and its anonymous volumes when it ends"),
    Flag("runtime", "OCI runtime", takes="name"),
)

CREATE_FLAGS = tuple(sorted((*_NETWORK, *_PROCESS, *_FILES, *_RIGHTS, *_LIMITS, *_ITSELF), key=lambda flag: flag.name))
"""All of them, by name."""
