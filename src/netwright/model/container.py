"""Containers, executions, images and volumes as facts. The network engine knows nothing of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from netwright.model.names import Id
from netwright.model.network import EndpointSpec
from netwright.model.ports import Port, PortRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What runs in a container, fully decided: image and request are merged."""

    arguments: tuple[str, ...]
    environment: tuple[str, ...] = ()
    directory: str = "/"
    user: str = ""
    tty: bool = False


class RestartWhen(StrEnum):
    """When the engine starts a container again by itself."""

    NO = "no"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"
    ON_FAILURE = "on-failure"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When to restart, and how often at most (0: no limit; for `on-failure` only)."""

    when: RestartWhen = RestartWhen.NO
    maximum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSpec:
    """A bind mount (`source` is a host path), a named volume (`volume` is its name) or a tmpfs."""

    type: str
    target: str
    source: str = ""
    volume: str = ""
    read_only: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A resource limit by its name in lower case without RLIMIT_, such as `nofile`."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """A device node of the host that a container may use; `permissions` is a subset of `rwm`."""

    host_path: str
    container_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resources: bytes, billionths of a processor, shares; 0 means unlimited or the kernel's default."""

    memory: int = 0
    memory_swap: int = 0
    memory_reservation: int = 0
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerConfig:
    """What the user asked of a container, image defaults not yet merged (Docker's `Config`)."""

    image: str
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[str, ...] = ()
    directory: str = ""
    user: str = ""
    hostname: str = ""
    domainname: str = ""
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed: tuple[Port, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    stop_timeout: int | None = None
    network_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """How a container meets its host (Docker's `HostConfig`).

    `network_mode` is `default`, `host`, `none`, `container:ID` or a network's name or id.
    """

    network_mode: str = "default"
    ports: tuple[PortRequest, ...] = ()
    publish_all: bool = False
    binds: tuple[str, ...] = ()
    mounts: tuple[MountSpec, ...] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    volumes_from: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    group_add: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    read_only: bool = False
    init: bool | None = None
    shm_size: int = 0
    oom_score: int = 0
    limits: Limits = Limits()
    ulimits: tuple[Ulimit, ...] = ()
    devices: tuple[DeviceSpec, ...] = ()
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = ""
    cgroup_parent: str = ""
    runtime: str = ""
    console: tuple[int, int] = (0, 0)
    container_id_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRequest:
    """A wish for a new container; `networks` maps names or ids of networks to what is asked of each, in order."""

    name: str
    config: ContainerConfig
    host: HostSettings
    networks: Mapping[str, EndpointSpec] = field(default_factory=dict)


class Status(StrEnum):
    """Where a container is in its life; `containers.lifecycle` has the table of moves.

    All but `CREATING` are Docker's. It stands on disk while a container is being made and is shown to nobody.
    """

    CREATING = "creating"
    CREATED = "created"
    RUNNING = "running"
    RESTARTING = "restarting"
    EXITED = "exited"
    REMOVING = "removing"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """The present state. `pid` is 0 where no process lives; `stopped` that the user stopped it by hand."""

    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    restarts: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MountPoint:
    """A mount of a container as decided: where it comes from, and the volume behind it if there is one."""

    type: str
    source: str
    target: str
    volume: str = ""
    read_only: bool = False
    mode: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container: what was asked, what was decided, and where it stands.

    `image` is the image's id and `layers` its layers, lowest first: they outlive the image's name. `sandbox` is its
    network stack; with `network_mode` `container:ID` it is the other's, and `joins` names that one.
    """

    id: Id
    name: str
    created: datetime
    config: ContainerConfig
    host: HostSettings
    image: str
    process: Process
    sandbox: Id
    joins: Id | None = None
    hostname: str = ""
    mounts: tuple[MountPoint, ...] = ()
    layers: tuple[str, ...] = ()
    state: ContainerState = ContainerState()
    runtime: str = "runc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image. `id` and `layers` are `sha256:` digests; `references` are `name:tag`; `size` is in bytes."""

    id: str
    references: tuple[str, ...]
    created: datetime | None
    size: int
    architecture: str
    os: str
    layers: tuple[str, ...]
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    directory: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed: tuple[Port, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    digests: tuple[str, ...] = ()
    comment: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A local named volume; `path` is its directory on the host."""

    name: str
    path: str
    created: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False
