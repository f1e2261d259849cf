"""HostConfig both ways. Pure."""

from collections.abc import Iterator

from msgspec import UNSET

from netwright.api.translate.mounts import read_mount, show_mount_wish
from netwright.api.translate.ports import read_bindings, show_bindings
from netwright.api.wire.containers import Device, HostConfig, RestartPolicy, Ulimit
from netwright.containers.spec.config import MASKED, READ_ONLY, SHM_SIZE
from netwright.errors import InvalidInput, NotBuilt
from netwright.model import container as model

BRIDGE = "bridge"
"""The network of a container that names none; Docker shows it for the mode `default` too."""


def read_host_config(asked: HostConfig) -> model.HostSettings:
    """Return the host settings that are asked for. Raises InvalidInput, and NotBuilt for what netwright has not."""
    for missing in _missing(asked):
        raise NotBuilt(f"{missing} not supported")
    return model.HostSettings(
        network_mode=asked.network_mode or "default",
        ports=read_bindings(asked.port_bindings),
        publish_all=asked.publish_all_ports,
        binds=tuple(asked.binds or ()),
        mounts=tuple(read_mount(mount) for mount in asked.mounts or ()),
        tmpfs=asked.tmpfs or {},
        volumes_from=tuple(asked.volumes_from or ()),
        links=tuple(asked.links or ()),
        dns=tuple(asked.dns),
        dns_options=tuple(asked.dns_options),
        dns_search=tuple(asked.dns_search),
        extra_hosts=tuple(asked.extra_hosts or ()),
        sysctls=asked.sysctls or {},
        restart=_read_restart(asked.restart_policy),
        auto_remove=asked.auto_remove,
        privileged=asked.privileged,
        cap_add=tuple(asked.cap_add or ()),
        cap_drop=tuple(asked.cap_drop or ()),
        group_add=tuple(asked.group_add or ()),
        security_options=tuple(asked.security_opt or ()),
        read_only=asked.readonly_rootfs,
        init=asked.init if isinstance(asked.init, bool) else None,
        shm_size=asked.shm_size or SHM_SIZE,
        oom_score=asked.oom_score_adj,
        limits=_read_limits(asked),
        ulimits=tuple(model.Ulimit(name=u.name, soft=u.soft, hard=u.hard) for u in asked.ulimits),
        devices=tuple(_read_device(device) for device in asked.devices),
        pid_mode=asked.pid_mode,
        ipc_mode="" if asked.ipc_mode == "private" else asked.ipc_mode,
        uts_mode=asked.uts_mode,
        cgroup_parent=asked.cgroup_parent,
        runtime=asked.runtime,
        console=read_console(asked.console_size),
        container_id_file=asked.container_id_file,
    )


def _missing(asked: HostConfig) -> Iterator[str]:
    """Yield what is asked for and would change how a container runs, but cannot be had."""
    if asked.log_config.type not in {"", "json-file"}:
        yield f"the log driver {asked.log_config.type} is"
    if asked.volume_driver not in {"", "local"}:
        yield f"the volume driver {asked.volume_driver} is"
    if asked.cgroupns_mode not in {"", "private"}:
        yield f"the cgroup namespace mode {asked.cgroupns_mode} is"
    if asked.userns_mode not in {"", "host"}:
        yield f"the user namespace mode {asked.userns_mode} is"
    if asked.isolation not in {"", "default"}:
        yield f"the isolation {asked.isolation} is"
    for present, words in (
        (asked.device_requests, "requests for devices by capability (--gpus) are"),
        (asked.device_cgroup_rules, "rules for devices that are not there yet (--device-cgroup-rule) are"),
        (asked.storage_opt, "storage options (--storage-opt) are"),
        (asked.cpu_realtime_period or asked.cpu_realtime_runtime, "real-time processor time (--cpu-rt-*) is"),
        (asked.oom_kill_disable, "running on without memory (--oom-kill-disable) is"),
        (_limits_disks(asked), "limits on reading and writing disks (--blkio-*, --device-*-bps, --device-*-iops) are"),
    ):
        if present:
            yield words


def _limits_disks(asked: HostConfig) -> bool:
    return bool(
        asked.blkio_weight
        or asked.blkio_weight_device
        or asked.blkio_device_read_bps
        or asked.blkio_device_write_bps
        or asked.blkio_device_read_iops
        or asked.blkio_device_write_iops
    )


def read_console(size: list[int] | None) -> tuple[int, int]:
    """Return rows and columns, both 0 where they are not given."""
    return (size[0], size[1]) if size is not None and len(size) == 2 else (0, 0)


def _read_restart(asked: RestartPolicy) -> model.RestartPolicy:
    try:
        when = model.RestartWhen(asked.name or "no")
    except ValueError:
        raise InvalidInput(
            f"invalid restart policy: unknown policy '{asked.name}'; use one of 'no', 'always', "
            "'on-failure', or 'unless-stopped'"
        ) from None
    return model.RestartPolicy(when, asked.maximum_retry_count)


def _read_limits(asked: HostConfig) -> model.Limits:
    return model.Limits(
        memory=asked.memory,
        memory_swap=asked.memory_swap,
        memory_reservation=asked.memory_reservation,
        nano_cpus=asked.nano_cpus,
        cpu_shares=asked.cpu_shares,
        cpu_period=asked.cpu_period,
        cpu_quota=asked.cpu_quota,
        cpuset_cpus=asked.cpuset_cpus,
        cpuset_mems=asked.cpuset_mems,
        pids=asked.pids_limit or 0,
    )


def _read_device(asked: Device) -> model.DeviceSpec:
    return model.DeviceSpec(
        host_path=asked.path_on_host,
        container_path=asked.path_in_container or asked.path_on_host,
        permissions=asked.cgroup_permissions or "rwm",
    )


def show_host_config(host: model.HostSettings, runtime: str) -> HostConfig:
    """Return host settings with all of Docker's keys."""
    shown = HostConfig(
        binds=list(host.binds) or None,
        container_id_file=host.container_id_file,
        network_mode=show_network_mode(host.network_mode),
        port_bindings=show_bindings(host.ports),
        restart_policy=RestartPolicy(name=str(host.restart.when), maximum_retry_count=host.restart.maximum),
        auto_remove=host.auto_remove,
        volumes_from=list(host.volumes_from) or None,
        console_size=list(host.console),
        cap_add=list(host.cap_add) or None,
        cap_drop=list(host.cap_drop) or None,
        dns=list(host.dns),
        dns_options=list(host.dns_options),
        dns_search=list(host.dns_search),
        extra_hosts=list(host.extra_hosts) or None,
        group_add=list(host.group_add) or None,
        ipc_mode=host.ipc_mode or "private",
        links=list(host.links) or None,
        oom_score_adj=host.oom_score,
        pid_mode=host.pid_mode,
        privileged=host.privileged,
        publish_all_ports=host.publish_all,
        readonly_rootfs=host.read_only,
        security_opt=list(host.security_options) or None,
        tmpfs=dict(host.tmpfs) or UNSET,
        uts_mode=host.uts_mode,
        shm_size=host.shm_size or SHM_SIZE,
        sysctls=dict(host.sysctls) or UNSET,
        runtime=host.runtime or runtime,
        cgroup_parent=host.cgroup_parent,
        devices=[_show_device(device) for device in host.devices],
        ulimits=[Ulimit(name=u.name, hard=u.hard, soft=u.soft) for u in host.ulimits],
        mounts=[show_mount_wish(mount) for mount in host.mounts] or UNSET,
        masked_paths=None if host.privileged else list(MASKED),
        readonly_paths=None if host.privileged else list(READ_ONLY),
        init=host.init if host.init is not None else UNSET,
    )
    _show_limits(shown, host.limits)
    return shown


def _show_limits(shown: HostConfig, limits: model.Limits) -> None:
    shown.cpu_shares = limits.cpu_shares
    shown.nano_cpus = limits.nano_cpus
    shown.cpu_period = limits.cpu_period
    shown.cpu_quota = limits.cpu_quota
    shown.cpuset_cpus = limits.cpuset_cpus
    shown.cpuset_mems = limits.cpuset_mems
    shown.memory = limits.memory
    shown.memory_reservation = limits.memory_reservation
    shown.memory_swap = limits.memory_swap
    shown.pids_limit = limits.pids or None


def show_network_mode(mode: str) -> str:
    """Return a network mode as it is shown: what was left to the engine by the network's name."""
    return BRIDGE if mode in {"", "default"} else mode


def _show_device(device: model.DeviceSpec) -> Device:
    return Device(
        path_on_host=device.host_path,
        path_in_container=device.container_path,
        cgroup_permissions=device.permissions,
    )
