"""Containers as they are inspected and listed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import UNSET

from netwright.api.moments import ago, rfc3339, seconds
from netwright.api.translate.endpoints import show_endpoint, show_listed_endpoint
from netwright.api.translate.hostconfig import BRIDGE, show_host_config, show_network_mode
from netwright.api.translate.mounts import show_mount
from netwright.api.translate.ports import granted, summary
from netwright.api.versions import SEVERAL_ENDPOINTS, STATUS, ApiVersion
from netwright.api.wire import containers as wire
from netwright.containers.spec.mounts import TMPFS
from netwright.controller.api import Attachment
from netwright.model import container as model
from netwright.model.container import Status
from netwright.model.ports import Port

DRIVER = "overlay2"
"""Docker's name for root file systems of overlayfs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that is shown of a container beside itself.

    `attachments` are the endpoints of its network stack, also where that is another's. `exposed` are the ports that it
    or its image exposes or that are to be published. `directories` are those of its root file system, under overlayfs's
    names for them (`LowerDir`, `UpperDir`, `WorkDir`, `MergedDir`).
    """

    container: model.Container
    attachments: Sequence[Attachment]
    sandbox_key: str
    hostname_path: str
    hosts_path: str
    resolv_path: str
    log_path: str
    directories: Mapping[str, str] = field(default_factory=dict)
    exposed: tuple[Port, ...] = ()
    executions: Sequence[str] = ()
    degraded: Sequence[str] = ()
    """What of its network is out of order."""

    @property
    def endpoints(self) -> Sequence[Attachment]:
        """Its own endpoints: none where it is in another's network stack."""
        return () if self.container.joins is not None else self.attachments

    @property
    def networked(self) -> bool:
        """Whether its own network stack is on the machine."""
        return any(item.sandbox.open for item in self.endpoints)


def show_container(shown: Shown, version: ApiVersion) -> wire.ContainerShown:
    """Return a container as inspected."""
    container = shown.container
    words = container.process.arguments
    return wire.ContainerShown(
        id=container.id,
        created=rfc3339(container.created),
        path=words[0] if words else "",
        args=list(words[1:]),
        state=show_state(container.state),
        image=container.image,
        resolv_conf_path=shown.resolv_path,
        hostname_path=shown.hostname_path,
        hosts_path=shown.hosts_path,
        log_path=shown.log_path,
        name=f"/{container.name}",
        restart_count=container.state.restarts,
        driver=DRIVER,
        platform="linux",
        exec_ids=list(shown.executions) or None,
        host_config=show_host_config(container.host, container.runtime),
        graph_driver=wire.GraphDriver(data=dict(shown.directories), name=DRIVER),
        mounts=_show_mounts(container),
        config=_show_config(container, shown.exposed, _main_mac(shown) if version < SEVERAL_ENDPOINTS else None),
        network_settings=_show_settings(shown, version) if version >= STATUS else _show_old_settings(shown, version),
    )


def show_state(state: model.ContainerState) -> wire.State:
    """Return where a container is in its life."""
    return wire.State(
        status=str(state.status),
        # As in Docker, a container that waits for its next start counts as running.
        running=state.status in {Status.RUNNING, Status.RESTARTING},
        restarting=state.status is Status.RESTARTING,
        oom_killed=state.oom_killed,
        dead=state.status is Status.DEAD,
        pid=state.pid,
        exit_code=state.exit_code,
        error=state.error,
        started_at=rfc3339(state.started),
        finished_at=rfc3339(state.finished),
    )


def _show_config(container: model.Container, exposed: Sequence[Port], mac: str | None) -> wire.Config:
    """Return what runs, with what the image has put in; `mac` is None where the API no longer has it here."""
    config = container.config
    return wire.Config(
        hostname=container.hostname,
        domainname=config.domainname,
        user=config.user,
        attach_stdin=config.attach_stdin,
        attach_stdout=config.attach_stdout,
        attach_stderr=config.attach_stderr,
        exposed_ports={str(port): wire.Nothing() for port in exposed} or UNSET,
        tty=config.tty,
        open_stdin=config.open_stdin,
        stdin_once=config.stdin_once,
        env=list(config.environment),
        cmd=None if config.command is None else list(config.command),
        image=config.image,
        volumes={path: wire.Nothing() for path in config.volumes} or None,
        working_dir=config.directory,
        entrypoint=None if config.entrypoint is None else list(config.entrypoint),
        network_disabled=config.network_disabled or UNSET,
        mac_address=mac or UNSET,
        labels=dict(config.labels),
        stop_signal=config.stop_signal or UNSET,
        stop_timeout=config.stop_timeout if config.stop_timeout is not None else UNSET,
    )


def _show_mounts(container: model.Container) -> list[wire.MountShown]:
    """Return its mounts; those of `--tmpfs` stand in the host configuration alone, as in Docker."""
    mounts = (mount for mount in container.mounts if mount.type != TMPFS or mount.target not in container.host.tmpfs)
    return [show_mount(mount) for mount in mounts]


def _main_mac(shown: Shown) -> str:
    """Return the MAC address on the default bridge, which older clients take for the container's."""
    main = next((item.endpoint for item in shown.endpoints if item.network.name == BRIDGE), None)
    if main is None:
        return ""
    return str((main.mac if shown.networked else main.spec.mac) or "")


def _show_settings(shown: Shown, version: ApiVersion) -> wire.NetworkSettings:
    return wire.NetworkSettings(
        sandbox_id=shown.container.sandbox if shown.networked else "",
        sandbox_key=shown.sandbox_key if shown.networked else "",
        ports=granted(shown.endpoints, shown.exposed),
        networks={item.network.name: show_endpoint(item, version) for item in shown.endpoints},
        degraded=list(shown.degraded) or UNSET,
    )


def _show_old_settings(shown: Shown, version: ApiVersion) -> wire.OldNetworkSettings:
    settings = wire.OldNetworkSettings(
        sandbox_id=shown.container.sandbox if shown.networked else "",
        sandbox_key=shown.sandbox_key if shown.networked else "",
        ports=granted(shown.endpoints, shown.exposed),
        networks={item.network.name: show_endpoint(item, version) for item in shown.endpoints},
        degraded=list(shown.degraded) or UNSET,
    )
    main = settings.networks.get(BRIDGE)
    if main is not None:
        settings.endpoint_id, settings.gateway = main.endpoint_id, main.gateway
        settings.ip_address, settings.ip_prefix_len = main.ip_address, main.ip_prefix_len
        settings.ipv6_gateway, settings.mac_address = main.ipv6_gateway, main.mac_address
        settings.global_ipv6_address = main.global_ipv6_address
        settings.global_ipv6_prefix_len = main.global_ipv6_prefix_len
    return settings


def show_summary(shown: Shown, version: ApiVersion, now: float) -> wire.ContainerSummary:
    """Return a container in the list; `now` is in seconds since 1970."""
    container = shown.container
    return wire.ContainerSummary(
        id=container.id,
        names=[f"/{container.name}"],
        image=container.config.image,
        image_id=container.image,
        command=" ".join(f"'{word}'" if " " in word else word for word in container.process.arguments),
        created=seconds(container.created),
        ports=summary(shown.endpoints, shown.exposed),
        labels=dict(container.config.labels),
        state=str(container.state.status),
        status=status_text(container.state, now),
        host_config=wire.SummaryHostConfig(network_mode=show_network_mode(container.host.network_mode)),
        network_settings=wire.SummaryNetworks(
            networks={item.network.name: show_listed_endpoint(item, version) for item in shown.endpoints}
        ),
        mounts=_show_mounts(container),
    )


def status_text(state: model.ContainerState, now: float) -> str:
    """Return the state in Docker's words, such as `Up 3 seconds` and `Exited (0) 2 minutes ago`."""
    match state.status:
        case Status.RUNNING:
            return f"Up {_since(state.started, now)}"
        case Status.RESTARTING:
            return f"Restarting ({state.exit_code}) {_since(state.finished, now)} ago"
        case Status.EXITED:
            return f"Exited ({state.exit_code}) {_since(state.finished, now)} ago"
        case Status.CREATING | Status.CREATED:
            return "Created"
        case Status.REMOVING:
            return "Removal In Progress"
        case Status.DEAD:
            return "Dead"


def _since(moment: datetime | None, now: float) -> str:
    return ago(now - moment.timestamp() if moment is not None else 0.0)
