"""The table of options: `Config` itself. Every field is one option; parsing, help, docs and completion come from it.

Names, meanings and defaults are dockerd's unless the text says otherwise. What Docker has and netwright does not need
is in `FOREIGN`: it is accepted, so that whatever starts dockerd can start netwright, and noted in the log.
"""

# ruff: noqa: RUF009 - one, many and switch are dataclasses.field with a table entry: evaluated once is as it should be

from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path

from netwright.config import values as v
from netwright.config.option import METADATA, Group, Option, Shape, foreign, many, one, switch
from netwright.model.addressing import ANY_IPV4, IPAddress
from netwright.model.listener import Listener
from netwright.model.sources import EVERYBODY, Sources

G = Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that the daemon was told, decided: what command line and file left open is filled in.

    An attribute has its option's name. `ignored` has one sentence for each option that was given and has no meaning
    here.
    """

    config_file: Path = one(
        "--config-file", v.PATH, Path("/etc/netwright/daemon.json"), G.ENGINE, "daemon.json to read", key=""
    )
    data_root: Path = one(
        "--data-root", v.PATH, Path("/var/lib/netwright"), G.ENGINE, "where state, images and volumes are kept"
    )
    exec_root: Path = one(
        "--exec-root",
        v.PATH,
        Path("/run/netwright"),
        G.ENGINE,
        "where sockets and network namespaces of this boot live",
    )
    pidfile: Path = one(
        "-p --pidfile", v.PATH, Path(), G.ENGINE, "file with the engine's process id", shown="<exec-root>/netwright.pid"
    )
    live_restore: bool = switch(
        "--live-restore",
        True,
        G.ENGINE,
        "let containers run on while the engine is down (Docker's default is false)",
        reloadable=True,
    )
    shutdown_timeout: int = one(
        "--shutdown-timeout",
        v.number("invalid shutdown timeout", low=-1, high=86_400),
        15,
        G.ENGINE,
        "seconds that containers get to stop in, without --live-restore; -1 waits for ever",
        reloadable=True,
    )
    labels: tuple[tuple[str, str], ...] = many(
        "--label", v.LABEL, G.ENGINE, "label of this engine, shown by info", key="labels", reloadable=True
    )

    hosts: tuple[v.Listen, ...] = many(
        "-H --host",
        v.LISTEN,
        G.ACCESS,
        "where the API is offered: unix://PATH, fd:// (systemd), tcp://HOST:PORT (only with --tlsverify); "
        "by default unix://<exec-root>/docker.sock",
        key="hosts",
    )
    group: str = one("-G --group", v.TEXT, "", G.ACCESS, "group that may use the unix sockets", shown="root")
    tlsverify: bool = switch(
        "--tlsverify", False, G.ACCESS, "offer tcp:// to clients with a certificate of --tlscacert"
    )
    tlscacert: Path | None = one("--tlscacert", v.PATH, None, G.ACCESS, "certificate authority that clients must have")
    tlscert: Path | None = one("--tlscert", v.PATH, None, G.ACCESS, "the engine's own certificate")
    tlskey: Path | None = one("--tlskey", v.PATH, None, G.ACCESS, "its key")

    log_level: str = one(
        "-l --log-level",
        v.one_of("invalid logging level", "debug", "info", "warn", "error", "fatal"),
        "info",
        G.LOG,
        "least severity that is logged",
        reloadable=True,
    )
    log_format: str = one(
        "--log-format",
        v.one_of("invalid log format", "text", "json"),
        "text",
        G.LOG,
        "one line of text or JSON a record",
    )
    debug: bool = switch("-D --debug", False, G.LOG, "the same as --log-level=debug", reloadable=True)

    bridge: str = one(
        "-b --bridge",
        v.TEXT,
        "",
        G.BRIDGE,
        "use this bridge, which must be there already, instead of making docker0; none: no default bridge",
    )
    bip: IPv4Interface | None = one(
        "--bip", v.INTERFACE4, None, G.BRIDGE, "IPv4 address of docker0", shown="from the first free pool"
    )
    bip6: IPv6Interface | None = one("--bip6", v.INTERFACE6, None, G.BRIDGE, "IPv6 address of docker0")
    fixed_cidr: IPv4Network | None = one(
        "--fixed-cidr", v.NETWORK4, None, G.BRIDGE, "part of the subnet that containers get addresses from"
    )
    fixed_cidr_v6: IPv6Network | None = one(
        "--fixed-cidr-v6", v.NETWORK6, None, G.BRIDGE, "the same for IPv6; without --bip6 also the subnet"
    )
    default_gateway: IPv4Address | None = one(
        "--default-gateway", v.ADDRESS4, None, G.BRIDGE, "default route of containers", shown="the bridge's address"
    )
    default_gateway_v6: IPv6Address | None = one(
        "--default-gateway-v6", v.ADDRESS6, None, G.BRIDGE, "the same for IPv6", shown="the bridge's address"
    )
    ipv6: bool = switch("--ipv6", False, G.BRIDGE, "give the default bridge IPv6")
    icc: bool = switch("--icc", True, G.BRIDGE, "let its containers talk to each other; false: only by --link")
    ip: IPAddress = one("--ip", v.ADDRESS, ANY_IPV4, G.BRIDGE, "host address of ports that are published without one")
    publish_from: Sources = one(
        "--publish-from",
        v.SOURCES,
        EVERYBODY,
        G.FIREWALL,
        "who may connect to ports that are published without saying: any, host, lan, addresses, prefixes, ranges, sets",
        shown="any",
    )
    ip_masq: bool = switch("--ip-masq", True, G.BRIDGE, "hide its containers' addresses from the outside")
    mtu: int = one(
        "--mtu", v.number("invalid default MTU", low=68, high=65_535), 1500, G.BRIDGE, "largest packet in bytes"
    )

    default_address_pools: tuple[v.AddressPool, ...] = many(
        "--default-address-pool",
        v.POOL,
        G.NETWORKS,
        "range that subnets of new networks are cut from",
        key="default-address-pools",
    )
    default_network_opts: tuple[v.NetworkOption, ...] = many(
        "--default-network-opt",
        v.NETWORK_OPTION,
        G.NETWORKS,
        "option of all new networks of a driver",
        key="default-network-opts",
    )
    lenient_network_options: bool = switch(
        "--lenient-network-options",
        False,
        G.NETWORKS,
        "take com.docker.network options of networks and endpoints that nobody knows in silence, as Docker does",
    )

    firewall_backend: str = one(
        "--firewall-backend",
        v.one_of("invalid firewall backend", "nftables", "iptables"),
        "nftables",
        G.FIREWALL,
        "who filters (Docker's default is iptables)",
    )
    iptables: bool = switch("--iptables", True, G.FIREWALL, "make firewall rules for IPv4, in whichever backend")
    ip6tables: bool = switch("--ip6tables", True, G.FIREWALL, "make firewall rules for IPv6")
    ip_forward: bool = switch("--ip-forward", True, G.FIREWALL, "let the host forward packets, where it does not yet")
    ip_forward_no_drop: bool = switch(
        "--ip-forward-no-drop",
        False,
        G.FIREWALL,
        "where --ip-forward had to act, do not keep foreign packets from being forwarded",
    )
    userland_proxy: bool = switch(
        "--userland-proxy",
        True,
        G.FIREWALL,
        "with the iptables backend: serve published ports on 127.0.0.1 and between neighbours by a relay, as Docker "
        "does; nftables needs none but for ::1",
    )
    allow_direct_routing: bool = switch(
        "--allow-direct-routing",
        False,
        G.FIREWALL,
        "let other hosts that have a route reach published ports at the containers' own addresses",
    )

    deny_metadata: bool = switch(
        "--deny-metadata",
        False,
        G.FIREWALL,
        "keep containers from clouds' metadata services (169.254.169.254 and others), which give credentials away",
    )

    dns: tuple[IPAddress, ...] = many("--dns", v.SERVER, G.NAMES, "name server of containers", key="dns")
    dns_opts: tuple[str, ...] = many("--dns-opt", v.TEXT, G.NAMES, "resolver option of containers", key="dns-opts")
    dns_search: tuple[str, ...] = many(
        "--dns-search", v.SEARCH, G.NAMES, "search domain of containers", key="dns-search"
    )
    dns_ttl: int = one(
        "--dns-ttl",
        v.number("invalid DNS TTL", low=0, high=86_400),
        5,
        G.NAMES,
        "seconds for which programs in containers may remember a container's address (Docker's is 600)",
    )
    default_bridge_names: bool = switch(
        "--default-bridge-names",
        False,
        G.NAMES,
        "let containers on the default bridge find each other by name as well",
    )
    host_names: tuple[Listener, ...] = many(
        "--host-names",
        v.LISTENER,
        G.NAMES,
        "address of this host, such as 127.0.0.153 or ::1, where its own programs may ask for containers; "
        "systemd-resolved is told of it",
        key="host-names",
    )
    host_gateway_ips: tuple[IPAddress, ...] = many(
        "--host-gateway-ip",
        v.ADDRESS,
        G.NAMES,
        "what host-gateway in --add-host stands for, one a family; by default the default bridge's address",
        key="host-gateway-ips",
    )
    resolv_conf: Path | None = one(
        "", v.PATH, None, G.NAMES, "file to use as the host's resolv.conf", key="resolv-conf"
    )

    default_runtime: str = one(
        "--default-runtime",
        v.one_of("unknown or invalid runtime name", "auto", "runc", "crun"),
        "auto",
        G.CONTAINERS,
        "OCI runtime; auto takes crun where the machine's cgroups let it run, else runc",
    )

    validate: bool = switch("--validate", False, G.ACTIONS, "check options and file, and exit", key="")
    uninstall: bool = switch(
        "--uninstall",
        False,
        G.ACTIONS,
        "remove every container, network, rule and file of this engine from the machine, and exit",
        key="",
    )
    version: bool = switch("-v --version", False, G.ACTIONS, "print the version and exit", key="")
    help: bool = switch("-h --help", False, G.ACTIONS, "print this help and exit", key="")

    ignored: tuple[str, ...] = ()

    def network_options(self, driver: str) -> dict[str, str]:
        """Return the options that new networks of a driver get unless they have their own."""
        return {option.name: option.value for option in self.default_network_opts if option.driver == driver}


OPTIONS: dict[str, Option] = {
    field.name: field.metadata[METADATA] for field in fields(Config) if METADATA in field.metadata
}
"""The options by the name of their attribute of `Config`, in the order of the table."""

_IMAGES = "images are pulled by skopeo, which has its own settings"
_RUNTIME = "the OCI runtime's own default is used"
_RESOURCES = "ask for it for each container"
_SWARM = "there is no swarm mode"
_LOG = "logs are kept as json-file"
_DAEMON = "there is no such part in this engine"
_PROXY = "set the proxy's variables in the engine's environment"

FOREIGN: tuple[Option, ...] = (
    foreign("--add-runtime", Shape.MANY, _RUNTIME, key="runtimes"),
    foreign("--allow-nondistributable-artifacts", Shape.MANY, _IMAGES, key="allow-nondistributable-artifacts"),
    foreign("--api-cors-header", Shape.ONE, _DAEMON),
    foreign("--authorization-plugin", Shape.MANY, _DAEMON, key="authorization-plugins"),
    foreign("--bridge-accept-fwmark", Shape.ONE, "packets are accepted by network, not by mark"),
    foreign("--cdi-spec-dir", Shape.MANY, _DAEMON, key="cdi-spec-dirs"),
    foreign("--cgroup-parent", Shape.ONE, _RESOURCES),
    foreign("--containerd", Shape.ONE, "containers run without containerd"),
    foreign("--containerd-namespace", Shape.ONE, "containers run without containerd"),
    foreign("--containerd-plugins-namespace", Shape.ONE, "containers run without containerd"),
    foreign("--cpu-rt-period", Shape.ONE, _RESOURCES),
    foreign("--cpu-rt-runtime", Shape.ONE, _RESOURCES),
    foreign("--cri-containerd", Shape.SWITCH, "containers run without containerd"),
    foreign("--default-cgroupns-mode", Shape.ONE, _RUNTIME),
    foreign("--default-ipc-mode", Shape.ONE, _RESOURCES),
    foreign("--default-shm-size", Shape.ONE, _RESOURCES),
    foreign("--default-ulimit", Shape.MANY, _RESOURCES, key="default-ulimits"),
    foreign("--exec-opt", Shape.MANY, _RUNTIME, key="exec-opts"),
    foreign("--experimental", Shape.SWITCH, "nothing here is switched by it"),
    foreign("--feature", Shape.MANY, "nothing here is switched by it", key="features"),
    foreign("--http-proxy", Shape.ONE, _PROXY),
    foreign("--https-proxy", Shape.ONE, _PROXY),
    foreign("--init", Shape.SWITCH, _RESOURCES),
    foreign("--init-path", Shape.ONE, "the engine chooses it"),
    foreign("--insecure-registry", Shape.MANY, _IMAGES, key="insecure-registries"),
    foreign("--log-driver", Shape.ONE, _LOG),
    foreign("--log-opt", Shape.MANY, _LOG, key="log-opts"),
    foreign("--max-concurrent-downloads", Shape.ONE, _IMAGES),
    foreign("--max-concurrent-uploads", Shape.ONE, _IMAGES),
    foreign("--max-download-attempts", Shape.ONE, _IMAGES),
    foreign("--metrics-addr", Shape.ONE, "metrics are on the API's own socket: GET /metrics"),
    foreign("--network-control-plane-mtu", Shape.ONE, _SWARM),
    foreign("--network-diagnostic-port", Shape.ONE, _SWARM),
    foreign("--no-new-privileges", Shape.SWITCH, _RESOURCES),
    foreign("--no-proxy", Shape.ONE, _PROXY),
    foreign("--node-generic-resource", Shape.MANY, _SWARM, key="node-generic-resources"),
    foreign("--oom-score-adjust", Shape.ONE, "set it for the process that starts the engine"),
    foreign("--raw-logs", Shape.SWITCH, "log lines are never coloured"),
    foreign("--registry-mirror", Shape.MANY, _IMAGES, key="registry-mirrors"),
    foreign("--rootless", Shape.SWITCH, "the engine needs root"),
    foreign("--seccomp-profile", Shape.ONE, "the engine has its own profile"),
    foreign("--selinux-enabled", Shape.SWITCH, _DAEMON),
    foreign("-s --storage-driver", Shape.ONE, "containers' files are kept on overlayfs"),
    foreign("--storage-opt", Shape.MANY, "containers' files are kept on overlayfs", key="storage-opts"),
    foreign("--swarm-default-advertise-addr", Shape.ONE, _SWARM),
    foreign("--tls", Shape.SWITCH, "the API is offered over TCP only with --tlsverify"),
    foreign("--userland-proxy-path", Shape.ONE, "the relay is a part of the engine"),
    foreign("--userns-remap", Shape.ONE, _DAEMON),
    foreign("", Shape.ONE, _DAEMON, key="builder"),
    foreign("", Shape.ONE, _PROXY, key="proxies"),
    foreign("", Shape.ONE, "the API answers in every version that it knows", key="min-api-version"),
)
"""Docker's options without a meaning here."""
