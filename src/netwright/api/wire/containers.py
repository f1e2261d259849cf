"""JSON shapes of containers."""

from msgspec import UNSET, UnsetType, field

from netwright.api.wire.networks import EndpointSettings
from netwright.api.wire.shape import Shape


class Nothing(Shape, kw_only=True):
    """The empty object that stands for a member of a set."""


class PortBinding(Shape, kw_only=True):
    """A host address and port."""

    host_ip: str = field(default="", name="HostIp")
    host_port: str = ""


class RestartPolicy(Shape, kw_only=True):
    """When to start a container again."""

    name: str = ""
    maximum_retry_count: int = 0


class LogConfig(Shape, kw_only=True):
    """How output is kept."""

    type: str = ""
    config: dict[str, str] = field(default_factory=dict)


class Ulimit(Shape, kw_only=True):
    """A resource limit."""

    name: str = ""
    hard: int = 0
    soft: int = 0


class Device(Shape, kw_only=True):
    """A device node."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = "rwm"


class BindOptions(Shape, kw_only=True, omit_defaults=True):
    """How a bind mount is made."""

    propagation: str = ""


class VolumeOptions(Shape, kw_only=True, omit_defaults=True):
    """How a volume is made for a mount."""

    no_copy: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    subpath: str = ""


class TmpfsOptions(Shape, kw_only=True, omit_defaults=True):
    """How a tmpfs is mounted."""

    size_bytes: int = 0
    mode: int = 0


class Mount(Shape, kw_only=True, omit_defaults=True):
    """A mount asked for by `--mount`."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None


class HostConfig(Shape, kw_only=True):
    """How a container meets its host: as asked and as shown, all of Docker's keys."""

    binds: list[str] | None = None
    container_id_file: str = field(default="", name="ContainerIDFile")
    log_config: LogConfig = field(default_factory=lambda: LogConfig(type="json-file"))
    network_mode: str = "default"
    port_bindings: dict[str, list[PortBinding] | None] = field(default_factory=dict)
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] | None = None
    console_size: list[int] = field(default_factory=lambda: [0, 0])
    cap_add: list[str] | None = None
    cap_drop: list[str] | None = None
    cgroupns_mode: str = "private"
    dns: list[str] = field(default_factory=list)
    dns_options: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    extra_hosts: list[str] | None = None
    group_add: list[str] | None = None
    ipc_mode: str = "private"
    cgroup: str = ""
    links: list[str] | None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] | None = None
    storage_opt: dict[str, str] | UnsetType = UNSET
    tmpfs: dict[str, str] | UnsetType = UNSET
    uts_mode: str = field(default="", name="UTSMode")
    userns_mode: str = ""
    shm_size: int = 67108864
    sysctls: dict[str, str] | UnsetType = UNSET
    runtime: str = ""
    isolation: str = ""
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: list[dict[str, str | int]] = field(default_factory=list)
    blkio_device_read_bps: list[dict[str, str | int]] = field(default_factory=list)
    blkio_device_write_bps: list[dict[str, str | int]] = field(default_factory=list)
    blkio_device_read_iops: list[dict[str, str | int]] = field(default_factory=list, name="BlkioDeviceReadIOps")
    blkio_device_write_iops: list[dict[str, str | int]] = field(default_factory=list, name="BlkioDeviceWriteIOps")
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[Device] = field(default_factory=list)
    device_cgroup_rules: list[str] | None = None
    device_requests: list[dict[str, object]] | None = None
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: list[Ulimit] = field(default_factory=list)
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = field(default=0, name="IOMaximumIOps")
    io_maximum_bandwidth: int = field(default=0, name="IOMaximumBandwidth")
    mounts: list[Mount] | UnsetType = UNSET
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None
    init: bool | UnsetType = UNSET


class Config(Shape, kw_only=True):
    """What runs in a container: as asked and as shown."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, Nothing] | UnsetType = UNSET
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] = field(default_factory=list)
    cmd: list[str] | str | None = None
    image: str = ""
    volumes: dict[str, Nothing] | None = None
    working_dir: str = ""
    entrypoint: list[str] | str | None = None
    network_disabled: bool | UnsetType = UNSET
    mac_address: str | UnsetType = UNSET
    on_build: list[str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str | UnsetType = UNSET
    stop_timeout: int | UnsetType | None = UNSET


class Healthcheck(Shape, kw_only=True):
    """How a container's health is to be watched."""

    test: list[str] = field(default_factory=list)


class NetworkingConfig(Shape, kw_only=True):
    """The endpoints asked for at creation, in the order of the document."""

    endpoints_config: dict[str, EndpointSettings | None] = field(default_factory=dict)


class ContainerCreate(Config, kw_only=True):
    """The body of POST /containers/create."""

    healthcheck: Healthcheck | None = None
    host_config: HostConfig = field(default_factory=HostConfig)
    networking_config: NetworkingConfig = field(default_factory=NetworkingConfig)


class ContainerCreated(Shape, kw_only=True):
    """The answer to POST /containers/create."""

    id: str
    warnings: list[str]


class State(Shape, kw_only=True):
    """Where a container is in its life."""

    status: str
    running: bool
    paused: bool = False
    restarting: bool = False
    oom_killed: bool = field(default=False, name="OOMKilled")
    dead: bool = False
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: str = ""
    finished_at: str = ""


class MountShown(Shape, kw_only=True):
    """A mount of a container."""

    type: str
    name: str | UnsetType = UNSET
    source: str
    destination: str
    driver: str | UnsetType = UNSET
    mode: str
    rw: bool = field(name="RW")
    propagation: str


class GraphDriver(Shape, kw_only=True):
    """Where a container's layers lie."""

    data: dict[str, str] | None
    name: str


class Address(Shape, kw_only=True):
    """A further address; there is never one."""

    addr: str
    prefix_len: int


class NetworkSettings(Shape, kw_only=True):
    """A container's network as inspected. `Degraded`, which is ours, says what is out of order, if anything is."""

    sandbox_id: str = field(default="", name="SandboxID")
    sandbox_key: str = ""
    ports: dict[str, list[PortBinding] | None] = field(default_factory=dict)
    networks: dict[str, EndpointSettings] = field(default_factory=dict)
    degraded: list[str] | UnsetType = UNSET


class OldNetworkSettings(NetworkSettings, kw_only=True):
    """The same before API 1.52; the fields from EndpointID on are those of the default bridge."""

    bridge: str = ""
    hairpin_mode: bool = False
    link_local_ipv6_address: str = field(default="", name="LinkLocalIPv6Address")
    link_local_ipv6_prefix_len: int = field(default=0, name="LinkLocalIPv6PrefixLen")
    secondary_ip_addresses: list[Address] | None = field(default=None, name="SecondaryIPAddresses")
    secondary_ipv6_addresses: list[Address] | None = field(default=None, name="SecondaryIPv6Addresses")
    endpoint_id: str = field(default="", name="EndpointID")
    gateway: str = ""
    global_ipv6_address: str = field(default="", name="GlobalIPv6Address")
    global_ipv6_prefix_len: int = field(default=0, name="GlobalIPv6PrefixLen")
    ip_address: str = field(default="", name="IPAddress")
    ip_prefix_len: int = field(default=0, name="IPPrefixLen")
    ipv6_gateway: str = field(default="", name="IPv6Gateway")
    mac_address: str = ""


class ContainerShown(Shape, kw_only=True):
    """A container as inspected."""

    id: str
    created: str
    path: str
    args: list[str]
    state: State
    image: str
    resolv_conf_path: str
    hostname_path: str
    hosts_path: str
    log_path: str
    name: str
    restart_count: int
    driver: str
    platform: str
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] | None = field(default=None, name="ExecIDs")
    host_config: HostConfig
    graph_driver: GraphDriver
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    mounts: list[MountShown]
    config: Config
    network_settings: NetworkSettings


class PortShown(Shape, kw_only=True, omit_defaults=True):
    """A port in the list of containers."""

    ip: str = field(default="", name="IP")
    private_port: int
    public_port: int = 0
    type: str


class SummaryHostConfig(Shape, kw_only=True):
    """What the list of containers shows of the host configuration."""

    network_mode: str


class SummaryNetworks(Shape, kw_only=True):
    """What the list of containers shows of the network."""

    networks: dict[str, EndpointSettings]


class ContainerSummary(Shape, kw_only=True):
    """A container in the list."""

    id: str
    names: list[str]
    image: str
    image_id: str = field(name="ImageID")
    command: str
    created: int
    ports: list[PortShown]
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    labels: dict[str, str]
    state: str
    status: str
    host_config: SummaryHostConfig
    network_settings: SummaryNetworks
    mounts: list[MountShown]


class WaitError(Shape, kw_only=True):
    """Why a container did not even start."""

    message: str


class Waited(Shape, kw_only=True):
    """The answer to POST /containers/{id}/wait."""

    status_code: int
    error: WaitError | UnsetType = UNSET


class ContainersPruned(Shape, kw_only=True):
    """The answer to POST /containers/prune."""

    containers_deleted: list[str] | None
    space_reclaimed: int


class PathShown(Shape, kw_only=True):
    """What lies at a path in a container, as the header X-Docker-Container-Path-Stat has it."""

    name: str = field(name="name")
    size: int = field(name="size")
    mode: int = field(name="mode")
    mtime: str = field(name="mtime")
    link_target: str = field(name="linkTarget")
