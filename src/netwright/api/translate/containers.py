"""Containers between JSON and facts. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from netwright.api.moments import ago, rfc3339, seconds
from netwright.api.translate.endpoints import PREDEFINED, read_endpoint, show_endpoint
from netwright.api.translate.hostconfig import read_host_config, show_host_config
from netwright.api.translate.ports import granted, read_exposed, summary
from netwright.api.versions import DNS_NAMES, ApiVersion
from netwright.api.wire import containers as wire
from netwright.controller.api import Attachment
from netwright.errors import InvalidInput
from netwright.model import container as model
from netwright.model.addressing import Mac
from netwright.model.names import check_container_name
from netwright.model.network import EndpointSpec
from netwright.model.ports import Port


def read_create(asked: wire.ContainerCreate, name: str, version: ApiVersion) -> model.ContainerRequest:
    """Return the container that is asked for. Raises InvalidInput in Docker's words."""
    if not asked.image:
        raise InvalidInput("no image specified")
    host = read_host_config(asked.host_config)
    return model.ContainerRequest(
        name=check_container_name(name) if name else "",
        config=read_config(asked),
        host=host,
        networks=_read_networks(asked, host.network_mode, version),
    )


def read_config(asked: wire.Config) -> model.ContainerConfig:
    """Return what is to run."""
    return model.ContainerConfig(
        image=asked.image,
        command=_words(asked.cmd),
        entrypoint=_words(asked.entrypoint),
        environment=tuple(asked.env),
        directory=asked.working_dir,
        user=asked.user,
        hostname=asked.hostname,
        domainname=asked.domainname,
        tty=asked.tty,
        open_stdin=asked.open_stdin,
        stdin_once=asked.stdin_once,
        attach_stdin=asked.attach_stdin,
        attach_stdout=asked.attach_stdout,
        attach_stderr=asked.attach_stderr,
        labels=asked.labels,
        exposed=read_exposed(asked.exposed_ports or {}),
        volumes=tuple(asked.volumes or ()),
        stop_signal=asked.stop_signal or "",
        stop_timeout=asked.stop_timeout if isinstance(asked.stop_timeout, int) else None,
        network_disabled=bool(asked.network_disabled),
    )


def _words(given: list[str] | str | None) -> tuple[str, ...] | None:
    """Return a command's words; a text is one word, as Docker's own decoder has it. An empty list asks for none."""
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


def _read_networks(asked: wire.ContainerCreate, mode: str, version: ApiVersion) -> Mapping[str, EndpointSpec]:
    """Return the endpoints asked for, that of the network mode first: it is eth0."""
    given = asked.networking_config.endpoints_config
    if version < DNS_NAMES and len(given) > 1:
        names = ", ".join(given)
        raise InvalidInput(f"Container cannot be created with multiple network endpoints: {names}")
    if mode.startswith("container:"):
        return {}
    main = "bridge" if mode == "default" else mode
    specs = {("bridge" if name == "default" else name): read_endpoint(entry) for name, entry in given.items()}
    if specs and main not in specs and main not in PREDEFINED and version >= DNS_NAMES:
        raise InvalidInput("HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks")
    first = specs.pop(main, EndpointSpec())
    if isinstance(asked.mac_address, str) and asked.mac_address and first.mac is None:
        first = _with_mac(first, Mac.parse(asked.mac_address))
    return {main: first, **specs}


def _with_mac(spec: EndpointSpec, mac: Mac) -> EndpointSpec:
    return EndpointSpec(
        ipv4=spec.ipv4,
        ipv6=spec.ipv6,
        link_local=spec.link_local,
        mac=mac,
        aliases=spec.aliases,
        links=spec.links,
        driver_options=spec.driver_options,
        gateway_priority=spec.gateway_priority,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that is shown of a container: itself, its endpoints, its files, what its image exposes, its executions."""

    container: model.Container
    attachments: Sequence[Attachment]
    sandbox_key: str
    hostname_path: str
    hosts_path: str
    resolv_path: str
    log_path: str
    upper: str
    exposed: tuple[Port, ...] = ()
    executions: Sequence[str] = ()


def show_state(state: model.ContainerState) -> wire.State:
    """Return where a container is in its life."""
    return wire.State(
        status=str(state.status),
        running=state.status in {model.Status.RUNNING, model.Status.RESTARTING},
        restarting=state.status is model.Status.RESTARTING,
        oom_killed=state.oom_killed,
        dead=state.status is model.Status.DEAD,
        pid=state.pid,
        exit_code=state.exit_code,
        error=state.error,
        started_at=rfc3339(state.started),
        finished_at=rfc3339(state.finished),
    )


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
        driver="overlay2",
        platform="linux",
        exec_ids=list(shown.executions) or None,
        host_config=show_host_config(container.host, container.runtime),
        graph_driver=wire.GraphDriver(data={"UpperDir": shown.upper}, name="overlay2"),
        mounts=[show_mount(mount) for mount in container.mounts],
        config=show_config(container, shown.exposed),
        network_settings=_show_network_settings(shown, version),
    )


def show_config(container: model.Container, exposed: Sequence[Port]) -> wire.Config:
    """Return what runs, with what the image has put in."""
    config = container.config
    return wire.Config(
        hostname=container.hostname,
        domainname=config.domainname,
        user=container.process.user,
        attach_stdin=config.attach_stdin,
        attach_stdout=config.attach_stdout,
        attach_stderr=config.attach_stderr,
        exposed_ports={str(port): wire.Nothing() for port in exposed} or UNSET,
        tty=config.tty,
        open_stdin=config.open_stdin,
        stdin_once=config.stdin_once,
        env=list(container.process.environment),
        cmd=None if config.command is None else list(config.command),
        image=config.image,
        volumes={path: wire.Nothing() for path in config.volumes} or None,
        working_dir=container.process.directory if container.process.directory != "/" else config.directory,
        entrypoint=None if config.entrypoint is None else list(config.entrypoint),
        labels=dict(config.labels),
        stop_signal=config.stop_signal or UNSET,
        stop_timeout=config.stop_timeout if config.stop_timeout is not None else UNSET,
    )


def show_mount(mount: model.MountPoint) -> wire.MountShown:
    """Return a mount."""
    is_volume = mount.type == "volume"
    return wire.MountShown(
        type=mount.type,
        name=mount.volume if is_volume else UNSET,
        source=mount.source,
        destination=mount.target,
        driver="local" if is_volume else UNSET,
        mode=mount.mode,
        rw=not mount.read_only,
        propagation="rprivate" if mount.type == "bind" else "",
    )


def _show_network_settings(shown: Shown, version: ApiVersion) -> wire.NetworkSettings:
    attachments = shown.attachments
    is_open = any(item.sandbox.open for item in attachments)
    joined = shown.container.joins is not None
    settings = wire.NetworkSettings(
        sandbox_id=attachments[0].sandbox.id if is_open and not joined else "",
        sandbox_key=shown.sandbox_key if is_open and not joined else "",
        ports={} if joined else granted(attachments, shown.exposed),
        networks={} if joined else {item.network.name: show_endpoint(item, version) for item in attachments},
    )
    main = settings.networks.get("bridge")
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
    joined = container.joins is not None
    attachments = () if joined else shown.attachments
    return wire.ContainerSummary(
        id=container.id,
        names=[f"/{container.name}"],
        image=container.config.image,
        image_id=container.image,
        command=shlex.join(container.process.arguments),
        created=seconds(container.created),
        ports=summary(attachments, shown.exposed),
        labels=dict(container.config.labels),
        state=str(container.state.status),
        status=status_text(container.state, now),
        host_config=wire.SummaryHostConfig(network_mode=container.host.network_mode),
        network_settings=wire.SummaryNetworks(
            networks={item.network.name: show_endpoint(item, version) for item in attachments}
        ),
        mounts=[show_mount(mount) for mount in container.mounts],
    )


def status_text(state: model.ContainerState, now: float) -> str:
    """Return the state in Docker's words, such as `Up 3 seconds` and `Exited (0) 2 minutes ago`."""
    match state.status:
        case model.Status.RUNNING:
            return f"Up {ago(now - seconds(state.started))}"
        case model.Status.RESTARTING:
            return f"Restarting ({state.exit_code}) {ago(now - seconds(state.finished))} ago"
        case model.Status.EXITED:
            return f"Exited ({state.exit_code}) {ago(now - seconds(state.finished))} ago"
        case model.Status.CREATED:
            return "Created"
        case model.Status.REMOVING:
            return "Removal In Progress"
        case _:
            return "Dead"
