"""What is asked for when a container is made."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from netwright.api.translate.creation import read_create
from netwright.api.versions import NEWEST, ApiVersion
from netwright.api.wire.containers import ContainerCreate
from netwright.api.wire.shape import decode
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.container import ContainerRequest

V1_41, V1_43, V1_47, V1_51 = (ApiVersion(1, minor) for minor in (41, 43, 47, 51))
ID = "a0" * 32
"""The id of the network `mine`."""
MAC = "02:42:ac:11:00:09"


def read(version: ApiVersion = NEWEST, /, **body: Any) -> tuple[ContainerRequest, list[str]]:
    """Return what is asked for."""
    document = {"Image": "busybox", **body}
    asked = decode(ContainerCreate, msgspec.json.encode(document))
    return read_create(asked, "web", version, lambda reference: "mine" if reference == ID else reference)


def networking(mode: str, **endpoints: Mapping[str, object] | None) -> dict[str, Any]:
    """Return the part of a body that says where a container is to be joined."""
    return {"HostConfig": {"NetworkMode": mode}, "NetworkingConfig": {"EndpointsConfig": endpoints}}


def test_a_container_that_names_no_network_is_on_the_default_bridge() -> None:
    for mode in ("", "default", "bridge"):
        assert list(read(**networking(mode))[0].networks) == ["bridge"]
    assert list(read()[0].networks) == ["bridge"]


def test_the_network_of_the_mode_comes_first() -> None:
    request, warnings = read(**networking("b", a=None, b={"Aliases": ["x"]}, c={}))

    assert list(request.networks) == ["b", "a", "c"]
    assert request.networks["b"].aliases == ("x",)
    assert warnings == []


def test_endpoints_alone_decide_where_the_mode_says_nothing() -> None:
    request, _ = read(**networking("default", mine={}))

    assert list(request.networks) == ["mine"]
    assert request.host.network_mode == "mine"


def test_settings_for_the_default_network_are_found_under_its_other_name() -> None:
    request, _ = read(**networking("default", default={"MacAddress": MAC}))

    assert str(request.networks["bridge"].mac) == MAC


def test_who_joins_another_has_no_endpoints() -> None:
    assert read(**networking("container:other"))[0].networks == {}
    assert read(**networking("container:other", **{"container:other": {}}))[0].networks == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"MacAddress": MAC}, "mac-address and the network mode"),
        ({"IPAMConfig": {"IPv4Address": "10.0.0.9"}}, "supported on user-defined networks only"),
        ({"Aliases": ["a"]}, "only supported for user-defined networks"),
    ],
)
def test_who_joins_another_cannot_ask_for_an_identity(settings: Mapping[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read(**networking("container:other", **{"container:other": settings}))


def test_an_endpoint_is_read_whole() -> None:
    endpoint = {
        "IPAMConfig": {"IPv4Address": "10.0.0.9", "IPv6Address": "fd00::9", "LinkLocalIPs": ["169.254.1.1"]},
        "Links": ["db:database"],
        "Aliases": ["a"],
        "MacAddress": MAC,
        "DriverOpts": {"k": "v"},
        "GwPriority": 7,
    }

    spec = read(**networking("mine", mine=endpoint))[0].networks["mine"]

    assert (str(spec.ipv4), str(spec.ipv6), [str(ip) for ip in spec.link_local]) == (
        "10.0.0.9",
        "fd00::9",
        ["169.254.1.1"],
    )
    assert (spec.links, spec.aliases, str(spec.mac)) == (("db:database",), ("a",), MAC)
    assert (spec.driver_options, spec.gateway_priority) == ({"k": "v"}, 7)


@pytest.mark.parametrize(("mode", "key"), [("mine", ID), (ID, "mine"), (ID, ID)])
def test_mode_and_endpoint_may_name_a_network_in_two_ways(mode: str, key: str) -> None:
    request, _ = read(NEWEST, **networking(mode, **{key: {"Aliases": ["x"]}, "other": {}}))

    assert list(request.networks) == [mode, "other"]
    assert request.networks[mode].aliases == ("x",)


def test_the_address_of_the_whole_container_is_that_of_its_first_endpoint() -> None:
    request, warnings = read(V1_43, MacAddress=MAC)
    assert str(request.networks["bridge"].mac) == MAC
    assert warnings == []

    request, warnings = read(V1_51, MacAddress=MAC, **networking("mine", mine={}, other={}))
    assert str(request.networks["mine"].mac) == MAC
    assert request.networks["other"].mac is None
    assert warnings == [
        "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
    ]


def test_sysctls_of_eth0_move_to_the_first_endpoint_for_older_clients() -> None:
    request, warnings = read(V1_47, HostConfig={"Sysctls": {"net.ipv4.conf.eth0.rp_filter": "2", "net.core.x": "1"}})

    options = request.networks["bridge"].driver_options
    assert options == {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.rp_filter=2"}
    assert request.host.sysctls == {"net.core.x": "1"}
    setting = '"com.docker.network.endpoint.sysctls":"net.ipv4.conf.IFNAME.rp_filter=2"'
    assert warnings == [f'Migrated sysctl "net.ipv4.conf.eth0.rp_filter" to DriverOpts{{{setting}}}.']


def test_the_configuration_is_read_whole() -> None:
    config = read(
        Hostname="h",
        Domainname="d",
        User="u",
        AttachStdout=True,
        Tty=True,
        OpenStdin=True,
        StdinOnce=True,
        Env=["A=1"],
        Cmd="one text",
        Entrypoint=[],
        WorkingDir="/w",
        Labels={"l": ""},
        ExposedPorts={"80": {}},
        Volumes={"/v": {}},
        StopSignal="SIGINT",
        StopTimeout=0,
        NetworkDisabled=True,
    )[0].config

    assert (config.hostname, config.domainname, config.user, config.directory) == ("h", "d", "u", "/w")
    assert (config.attach_stdin, config.attach_stdout, config.tty) == (False, True, True)
    assert (config.open_stdin, config.stdin_once) == (True, True)
    assert (config.command, config.entrypoint, config.environment) == (("one text",), (), ("A=1",))
    assert (config.labels, config.volumes, [str(port) for port in config.exposed]) == ({"l": ""}, ("/v",), ["80/tcp"])
    assert (config.stop_signal, config.stop_timeout, config.network_disabled) == ("SIGINT", 0, True)


@pytest.mark.parametrize(
    ("version", "body", "words"),
    [
        (V1_41, networking("a", a={}, b={}), "Container cannot be created with multiple network endpoints: a, b"),
        (
            NEWEST,
            networking("mine", other={}),
            "HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks",
        ),
        (NEWEST, networking("mine", mine={"IPAMConfig": {"IPv4Address": "1.2.3"}}), "invalid IPv4 address: 1.2.3"),
        (NEWEST, networking("mine", mine={"IPAMConfig": {"IPv6Address": "1.2.3.4"}}), "invalid IPv6 address: 1.2.3.4"),
        (NEWEST, networking("mine", mine={"MacAddress": "x"}), "invalid MAC address x"),
        (NEWEST, networking("mine", mine={"IPAMConfig": {"IPv4Address": "0.0.0.0"}}), "invalid IPv4 address: 0.0.0.0"),
        (NEWEST, {"MacAddress": MAC}, "container-wide MAC address no longer supported"),
        (
            V1_51,
            {"MacAddress": MAC, **networking("mine", mine={"MacAddress": "02:42:ac:11:00:0a"})},
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network",
        ),
        (V1_43, {"MacAddress": MAC, **networking("host")}, "conflicting options: mac-address and the network mode"),
        (V1_43, {"MacAddress": MAC, **networking("container:x")}, "conflicting options: mac-address and the network"),
        (
            NEWEST,
            {"HostConfig": {"Sysctls": {"net.ipv4.conf.eth0.x": "1"}}},
            'interface specific sysctl setting "net.ipv4.conf.eth0.x" must be supplied using driver option',
        ),
        (
            V1_47,
            {"HostConfig": {"Sysctls": {"net.ipv4.conf.eth1.x": "1"}}},
            "unable to determine network endpoint for sysctl net.ipv4.conf.eth1.x",
        ),
        (NEWEST, {"Image": ""}, "no image specified"),
        (NEWEST, {"HostConfig": {"PortBindings": {"0/tcp": [{}]}}}, "a container's port is between 1 and 65535"),
    ],
)
def test_what_cannot_be_meant_is_refused(version: ApiVersion, body: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(version, **body)

    assert words in str(refused.value)


def test_all_faults_of_an_endpoint_are_told_at_once() -> None:
    ipam = {"IPv4Address": "x", "IPv6Address": "y", "LinkLocalIPs": ["z"]}

    with pytest.raises(InvalidInput) as refused:
        read(**networking("mine", mine={"IPAMConfig": ipam}))

    assert str(refused.value) == (
        "invalid endpoint settings:\ninvalid IPv4 address: x\ninvalid IPv6 address: y\ninvalid link-local IP address: z"
    )


def test_a_health_check_is_refused_and_none_is_not() -> None:
    with pytest.raises(NotBuilt, match="health checks are not supported"):
        read(Healthcheck={"Test": ["CMD", "true"]})
    for healthcheck in (None, {}, {"Test": ["NONE"]}):
        assert isinstance(read(Healthcheck=healthcheck)[0], ContainerRequest)
