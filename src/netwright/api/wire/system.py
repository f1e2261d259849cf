"""JSON shapes of the engine itself."""

from msgspec import UNSET, UnsetType, field

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
    """The answer to GET /version; commit, build time and Go's version mean nothing here and are empty."""

    platform: Platform
    components: list[Component]
    version: str
    api_version: str
    min_api_version: str = field(name="MinAPIVersion")
    git_commit: str = ""
    go_version: str = ""
    os: str
    arch: str
    kernel_version: str
    build_time: str = ""


class Plugins(Shape, kw_only=True):
    """What the engine can do, by kind."""

    volume: list[str]
    network: list[str]
    authorization: list[str] | None = None
    log: list[str]


class AddressPool(Shape, kw_only=True):
    """A range for automatic subnets."""

    base: str
    size: int


class FirewallBackend(Shape, kw_only=True):
    """Who filters."""

    driver: str
    info: list[list[str]] | UnsetType = UNSET


class RuntimeShown(Shape, kw_only=True):
    """An OCI runtime."""

    path: str = field(name="path")


class Index(Shape, kw_only=True):
    """A registry that names may leave out."""

    name: str
    mirrors: list[str] = field(default_factory=list)
    secure: bool = True
    official: bool = True


class RegistryConfig(Shape, kw_only=True):
    """Which registries are known, and which are spoken to without TLS."""

    insecure_registry_cidrs: list[str] = field(
        default_factory=lambda: ["::1/128", "127.0.0.0/8"], name="InsecureRegistryCIDRs"
    )
    index_configs: dict[str, Index] = field(default_factory=lambda: {"docker.io": Index(name="docker.io")})
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
    """The version of a program that Docker is built with; here they are the system's own."""

    id: str = field(default="", name="ID")


class Info(Shape, kw_only=True):
    """The answer to GET /info."""

    id: str = field(name="ID")
    containers: int
    containers_running: int
    containers_paused: int = 0
    containers_stopped: int
    images: int
    driver: str
    driver_status: list[list[str]] = field(default_factory=list)
    plugins: Plugins
    memory_limit: bool = False
    swap_limit: bool = False
    cpu_cfs_period: bool = False
    cpu_cfs_quota: bool = False
    cpu_shares: bool = field(default=False, name="CPUShares")
    cpu_set: bool = field(default=False, name="CPUSet")
    pids_limit: bool = False
    ipv4_forwarding: bool = field(name="IPv4Forwarding")
    bridge_nf_iptables: bool | UnsetType = UNSET
    bridge_nf_ip6tables: bool | UnsetType = field(default=UNSET, name="BridgeNfIp6tables")
    debug: bool
    n_fd: int
    oom_kill_disable: bool = False
    n_goroutines: int
    system_time: str
    logging_driver: str = "json-file"
    cgroup_driver: str = "cgroupfs"
    cgroup_version: str
    n_events_listener: int
    kernel_version: str
    operating_system: str
    os_version: str = field(name="OSVersion")
    os_type: str = field(default="linux", name="OSType")
    architecture: str
    index_server_address: str = "https://index.docker.io/v1/"
    registry_config: RegistryConfig = field(default_factory=RegistryConfig)
    ncpu: int = field(name="NCPU")
    mem_total: int
    generic_resources: list[str] | None = None
    docker_root_dir: str
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    name: str
    labels: list[str]
    experimental_build: bool = False
    server_version: str
    runtimes: dict[str, RuntimeShown]
    default_runtime: str
    swarm: Swarm = field(default_factory=Swarm)
    live_restore_enabled: bool
    isolation: str = ""
    init_binary: str = "docker-init"
    containerd_commit: Commit = field(default_factory=Commit)
    runc_commit: Commit = field(default_factory=Commit)
    init_commit: Commit = field(default_factory=Commit)
    security_options: list[str] = field(default_factory=lambda: ["name=cgroupns"])
    default_address_pools: list[AddressPool] | UnsetType = UNSET
    firewall_backend: FirewallBackend | UnsetType = UNSET
    warnings: list[str] | None = None
