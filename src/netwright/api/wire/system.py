"""JSON shapes of the engine itself."""

from msgspec import field

from netwright.api.wire.shape import Shape


class Problem(Shape, kw_only=True):
    """Why a request was refused."""

    message: str = field(name="message")


class Component(Shape, kw_only=True):
    """A part of the engine with its version."""

    name: str
    version: str
    details: dict[str, str]


class Platform(Shape, kw_only=True):
    """The engine's name."""

    name: str


class Version(Shape, kw_only=True):
    """The answer to GET /version."""

    platform: Platform
    components: list[Component]
    version: str
    api_version: str
    min_api_version: str = field(name="MinAPIVersion")
    git_commit: str
    go_version: str
    os: str
    arch: str
    kernel_version: str
    build_time: str


class Plugins(Shape, kw_only=True):
    """What the engine can do, by kind."""

    volume: list[str]
    network: list[str]
    authorization: list[str] | None
    log: list[str]


class AddressPool(Shape, kw_only=True):
    """A range for automatic subnets."""

    base: str
    size: int


class FirewallBackend(Shape, kw_only=True):
    """Who filters."""

    driver: str
    info: list[list[str]] = field(default_factory=list)


class RuntimeShown(Shape, kw_only=True):
    """An OCI runtime."""

    path: str = field(name="path")


class RegistryConfig(Shape, kw_only=True):
    """Which registries are spoken to without TLS."""

    insecure_registry_cidrs: list[str] = field(name="InsecureRegistryCIDRs")
    index_configs: dict[str, str] = field(default_factory=dict)
    mirrors: list[str] | None = None


class Swarm(Shape, kw_only=True):
    """That there is no swarm."""

    node_id: str = field(default="", name="NodeID")
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: list[str] | None = None


class Commit(Shape, kw_only=True):
    """The version of a program that the engine uses."""

    id: str = field(default="", name="ID")
    expected: str = ""


class Info(Shape, kw_only=True):
    """The answer to GET /info."""

    id: str = field(name="ID")
    containers: int
    containers_running: int
    containers_paused: int
    containers_stopped: int
    images: int
    driver: str
    driver_status: list[list[str]]
    plugins: Plugins
    memory_limit: bool
    swap_limit: bool
    cpu_cfs_period: bool
    cpu_cfs_quota: bool
    cpu_shares: bool = field(name="CPUShares")
    cpu_set: bool = field(name="CPUSet")
    pids_limit: bool
    ipv4_forwarding: bool = field(name="IPv4Forwarding")
    bridge_nf_iptables: bool
    bridge_nf_ip6tables: bool = field(name="BridgeNfIp6tables")
    debug: bool
    n_fd: int
    oom_kill_disable: bool
    n_goroutines: int
    system_time: str
    logging_driver: str
    cgroup_driver: str
    cgroup_version: str
    n_events_listener: int
    kernel_version: str
    operating_system: str
    os_version: str = field(name="OSVersion")
    os_type: str = field(name="OSType")
    architecture: str
    index_server_address: str
    registry_config: RegistryConfig
    ncpu: int = field(name="NCPU")
    mem_total: int
    generic_resources: list[str] | None
    docker_root_dir: str
    http_proxy: str
    https_proxy: str
    no_proxy: str
    name: str
    labels: list[str]
    experimental_build: bool
    server_version: str
    runtimes: dict[str, RuntimeShown]
    default_runtime: str
    swarm: Swarm
    live_restore_enabled: bool
    isolation: str
    init_binary: str
    containerd_commit: Commit
    runc_commit: Commit
    init_commit: Commit
    security_options: list[str]
    default_address_pools: list[AddressPool] | None
    firewall_backend: FirewallBackend
    warnings: list[str] | None


class Actor(Shape, kw_only=True):
    """Whom an event is about."""

    id: str = field(name="ID")
    attributes: dict[str, str]


class EventShown(Shape, kw_only=True):
    """An event; the lower-case keys are of Docker's oldest form."""

    status: str = field(default="", name="status")
    id: str = field(default="", name="id")
    origin: str = field(default="", name="from")
    type: str
    action: str
    actor: Actor
    scope: str = field(default="local", name="scope")
    time: int = field(name="time")
    time_nano: int = field(name="timeNano")
