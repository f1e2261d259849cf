"""HostConfig both ways. Pure."""

from msgspec import UNSET

from netwright.api.translate.ports import read_bindings, show_bindings
from netwright.api.wire.containers import (
    BindOptions,
    Device,
    HostConfig,
    LogConfig,
    Mount,
    RestartPolicy,
    Ulimit,
)
from netwright.errors import InvalidInput
from netwright.model import container as model

SHM = 64 << 20
"""Docker's default size of /dev/shm in bytes."""


def read_host_config(asked: HostConfig) -> model.HostSettings:
    """Return the host settings that are asked for. Raises InvalidInput."""
    return model.HostSettings(
        network_mode=asked.network_mode or "default",
        ports=read_bindings(asked.port_bindings),
        publish_all=asked.publish_all_ports,
        binds=tuple(asked.binds or ()),
        mounts=tuple(_read_mount(mount) for mount in asked.mounts or ()),
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
        shm_size=asked.shm_size or SHM,
        oom_score=asked.oom_score_adj,
        limits=_read_limits(asked),
        ulimits=tuple(model.Ulimit(name=u.name, soft=u.soft, hard=u.hard) for u in asked.ulimits),
        devices=tuple(_read_device(device) for device in asked.devices),
        pid_mode=asked.pid_mode,
        ipc_mode="" if asked.ipc_mode == "private" else asked.ipc_mode,
        uts_mode=asked.uts_mode,
        cgroup_parent=asked.cgroup_parent,
        runtime=asked.runtime,
        console=_read_console(asked.console_size),
        container_id_file=asked.container_id_file,
    )


def _read_console(size: list[int]) -> tuple[int, int]:
    return (size[0], size[1]) if len(size) == 2 else (0, 0)


def _read_restart(asked: RestartPolicy) -> model.RestartPolicy:
    try:
        when = model.RestartWhen(asked.name or "no")
    except ValueError:
        raise InvalidInput(
            f"invalid restart policy: unknown policy '{asked.name}'; use one of 'no', 'always', "
            "'on-failure', or 'unless-stopped'"
        ) from None
    if asked.maximum_retry_count and when is not model.RestartWhen.ON_FAILURE:
        raise InvalidInput("invalid restart policy: maximum retry count can only be used with 'on-failure'")
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


def _read_mount(asked: Mount) -> model.MountSpec:
    if asked.type not in {"bind", "volume", "tmpfs"}:
        raise InvalidInput(f'invalid mount config for type "{asked.type}": mount type unknown')
    if not asked.target:
        raise InvalidInput(f'invalid mount config for type "{asked.type}": field Target must not be empty')
    options = []
    if asked.bind_options is not None and asked.bind_options.propagation:
        options.append(asked.bind_options.propagation)
    if asked.tmpfs_options is not None:
        if asked.tmpfs_options.size_bytes:
            options.append(f"size={asked.tmpfs_options.size_bytes}")
        if asked.tmpfs_options.mode:
            options.append(f"mode={asked.tmpfs_options.mode:o}")
    return model.MountSpec(
        type=asked.type,
        target=asked.target,
        source=asked.source if asked.type == "bind" else "",
        volume=asked.source if asked.type == "volume" else "",
        read_only=asked.read_only,
        options=",".join(options),
    )


def show_host_config(host: model.HostSettings, runtime: str) -> HostConfig:
    """Return host settings with all of Docker's keys."""
    limits = host.limits
    return HostConfig(
        binds=list(host.binds) or None,
        container_id_file=host.container_id_file,
        log_config=LogConfig(type="json-file"),
        network_mode=host.network_mode,
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
        shm_size=host.shm_size or SHM,
        sysctls=dict(host.sysctls) or UNSET,
        runtime=host.runtime or runtime,
        cpu_shares=limits.cpu_shares,
        memory=limits.memory,
        nano_cpus=limits.nano_cpus,
        cgroup_parent=host.cgroup_parent,
        cpu_period=limits.cpu_period,
        cpu_quota=limits.cpu_quota,
        cpuset_cpus=limits.cpuset_cpus,
        cpuset_mems=limits.cpuset_mems,
        devices=[_show_device(device) for device in host.devices],
        memory_reservation=limits.memory_reservation,
        memory_swap=limits.memory_swap,
        pids_limit=limits.pids or None,
        ulimits=[Ulimit(name=u.name, hard=u.hard, soft=u.soft) for u in host.ulimits],
        mounts=[_show_mount(mount) for mount in host.mounts] or UNSET,
        init=host.init if host.init is not None else UNSET,
    )


def _show_device(device: model.DeviceSpec) -> Device:
    return Device(
        path_on_host=device.host_path,
        path_in_container=device.container_path,
        cgroup_permissions=device.permissions,
    )


def _show_mount(mount: model.MountSpec) -> Mount:
    return Mount(
        type=mount.type,
        source=mount.source or mount.volume,
        target=mount.target,
        read_only=mount.read_only,
        bind_options=BindOptions(propagation=mount.options) if mount.type == "bind" and mount.options else None,
    )
