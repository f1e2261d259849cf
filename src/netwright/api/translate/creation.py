"""From the body of POST /containers/create to the container that is asked for. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from netwright.api.translate.endpoints import PREDEFINED, read_endpoint
from netwright.api.translate.hostconfig import BRIDGE, read_host_config, show_network_mode
from netwright.api.translate.ports import read_exposed
from netwright.api.translate.sources import limited
from netwright.api.versions import ENABLE_IPV4, SEVERAL_ENDPOINTS, STATUS, ApiVersion
from netwright.api.wire import containers as wire
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.addressing import Mac
from netwright.model.container import ContainerConfig, ContainerRequest, HostSettings
from netwright.model.network import EndpointSpec

ENDPOINT_SYSCTLS = "com.docker.network.endpoint.sysctls"
"""The driver option that carries sysctls of an endpoint's interface, which it calls IFNAME."""

_OF_INTERFACE = re.compile(r"(net\.[^.]+\.[^.]+)\.(eth[0-9]+)\.(.+)")
_JOINS = ("host", "container:")


def read_create(
    asked: wire.ContainerCreate, name: str, version: ApiVersion, network_name: Callable[[str], str]
) -> tuple[ContainerRequest, list[str]]:
    """Return the container that is asked for, and warnings; `network_name` tells what a network is called.

    Raises InvalidInput and NotBuilt in Docker's words.
    """
    if not asked.image:
        raise InvalidInput("no image specified: name one, such as busybox")
    if asked.healthcheck is not None and asked.healthcheck.test not in ([], ["NONE"]):
        raise NotBuilt("health checks are not supported: leave the health check out, or use --no-healthcheck")
    host = read_host_config(asked.host_config)
    config = read_config(asked)
    host = replace(host, ports=limited(host.ports, config.labels))
    networks = _read_networks(asked, host, version, network_name)
    if networks and show_network_mode(host.network_mode) not in networks:
        # Docker takes the endpoints alone, whatever the mode says: the first of them is what the mode should name.
        host = replace(host, network_mode=next(iter(networks)))
    networks, warnings = _with_container_mac(asked, host, networks, version)
    host, networks, more = _without_interface_sysctls(host, networks, version)
    request = ContainerRequest(name=name, config=config, host=host, networks=networks)
    return request, [*warnings, *more, *_empty_bindings(asked, version)]


def _empty_bindings(asked: wire.ContainerCreate, version: ApiVersion) -> list[str]:
    """Return Docker's warning for ports to be published nowhere, which it publishes anywhere: perhaps not for ever."""
    ports = [port for port, bindings in asked.host_config.port_bindings.items() if not bindings]
    if not ports or version < STATUS:
        return []
    listed = ", ".join(ports)
    warning = f"Following container port(s) have an empty list of port-bindings: {listed}. "
    return [f"{warning}Such bindings will be discarded in a future version."]


def read_config(asked: wire.Config) -> ContainerConfig:
    """Return what is to run."""
    return ContainerConfig(
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


def _read_networks(
    asked: wire.ContainerCreate, host: HostSettings, version: ApiVersion, network_name: Callable[[str], str]
) -> Mapping[str, EndpointSpec]:
    """Return the endpoints asked for, that of the network mode first: it is eth0.

    The mode may name its network by its name and the endpoints by its id, or the other way round.
    """
    given = asked.networking_config.endpoints_config
    if version < SEVERAL_ENDPOINTS and len(given) > 1:
        names = ", ".join(given)
        raise InvalidInput(f"Container cannot be created with multiple network endpoints: {names}")
    if host.network_mode.startswith("container:"):
        _check_joining(map(read_endpoint, given.values()))
        return {}
    main = show_network_mode(host.network_mode)
    called = network_name(main)
    specs = {
        main if network_name(show_network_mode(name)) == called else show_network_mode(name): read_endpoint(entry)
        for name, entry in given.items()
    }
    if not specs or main in specs:
        return {main: specs.pop(main, EndpointSpec()), **specs}
    if main not in PREDEFINED:
        raise InvalidInput("HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks")
    return specs if main == BRIDGE else {main: EndpointSpec(), **specs}


def _check_joining(specs: Iterable[EndpointSpec]) -> None:
    """Refuse what is asked of an endpoint where there will be none: the network stack is another container's."""
    for spec in specs:
        if spec.mac is not None:
            raise InvalidInput("conflicting options: mac-address and the network mode")
        if spec.ipv4 or spec.ipv6 or spec.link_local:
            raise InvalidInput(
                "invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only"
            )
        if spec.aliases:
            raise InvalidInput(
                "invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks"
            )


def _with_container_mac(
    asked: wire.ContainerCreate, host: HostSettings, networks: Mapping[str, EndpointSpec], version: ApiVersion
) -> tuple[Mapping[str, EndpointSpec], list[str]]:
    """Give the first endpoint the MAC address that older clients set for the whole container."""
    if not asked.mac_address:
        return networks, []
    if version >= STATUS:
        raise InvalidInput("container-wide MAC address no longer supported; use endpoint-specific MAC address instead")
    if host.network_mode.startswith(_JOINS):
        raise InvalidInput("conflicting options: mac-address and the network mode")
    mac = Mac.parse(asked.mac_address)
    main, spec = next(iter(networks.items()))
    if spec.mac not in {None, mac}:
        raise InvalidInput(
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
            "or be left empty"
        )
    warnings = []
    if version >= SEVERAL_ENDPOINTS and spec.mac is None:
        warnings.append(
            "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
        )
    return {**networks, main: replace(spec, mac=mac)}, warnings


def _without_interface_sysctls(
    host: HostSettings, networks: Mapping[str, EndpointSpec], version: ApiVersion
) -> tuple[HostSettings, Mapping[str, EndpointSpec], list[str]]:
    """Move sysctls of eth0 to the first endpoint, as Docker does for clients that know no better place for them."""
    moved, kept, warnings = [], dict(host.sysctls), []
    for key, value in host.sysctls.items():
        match = _OF_INTERFACE.fullmatch(key)
        if match is None:
            continue
        if version >= ENABLE_IPV4:
            raise InvalidInput(
                f"interface specific sysctl setting \"{key}\" must be supplied using driver option '{ENDPOINT_SYSCTLS}'"
            )
        if match[2] != "eth0" or not networks:
            raise InvalidInput(
                f"unable to determine network endpoint for sysctl {key}, use driver option '{ENDPOINT_SYSCTLS}' "
                "to set per-interface sysctls"
            )
        setting = f"{match[1]}.IFNAME.{match[3]}={value}"
        moved.append(setting)
        warnings.append(f'Migrated sysctl "{key}" to DriverOpts{{"{ENDPOINT_SYSCTLS}":"{setting}"}}.')
        del kept[key]
    if not moved:
        return host, networks, []
    main, spec = next(iter(networks.items()))
    before = spec.driver_options.get(ENDPOINT_SYSCTLS)
    options = {**spec.driver_options, ENDPOINT_SYSCTLS: ",".join([*([before] if before else []), *moved])}
    return replace(host, sysctls=kept), {**networks, main: replace(spec, driver_options=options)}, warnings
