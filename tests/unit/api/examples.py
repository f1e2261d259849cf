"""Facts that many of the API's tests look at."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from msgspec import structs
from tests.unit.api.fake_images import MADE
from tests.unit.api.fake_networks import network

from netwright.controller.api import Attachment
from netwright.model.addressing import Mac
from netwright.model.container import (
    Container,
    ContainerConfig,
    ContainerState,
    HostSettings,
    MountPoint,
    Process,
    Status,
)
from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox
from netwright.model.ports import Port, PortBinding, PortRequest

CONTAINER = Id("0123456789ab" + "cd" * 26)
SANDBOX = Id("5a" * 32)


def attachment(*, is_open: bool = True, joined: Network | None = None, spec: EndpointSpec | None = None) -> Attachment:
    """Return an endpoint with addresses of both families on a network, the default bridge if none is given."""
    row = joined or network("bridge")
    return Attachment(
        network=row,
        sandbox=Sandbox(id=SANDBOX, owner=CONTAINER, name="web", hostname="web.example", open=is_open),
        endpoint=Endpoint(
            id=Id("e0" * 32),
            network=row.id,
            sandbox=SANDBOX,
            spec=spec or EndpointSpec(),
            order=0,
            mac=Mac.parse("02:42:ac:11:00:02"),
            ipv4=IPv4Interface("172.17.0.2/16"),
            ipv6=IPv6Interface("fd00::2/64"),
            gateway4=IPv4Address("172.17.0.1"),
            gateway6=IPv6Address("fd00::1"),
        ),
    )


def web(*, status: Status = Status.RUNNING) -> Container:
    """Return a container that publishes a port and mounts a volume and a directory."""
    http = Port.parse("80")
    return Container(
        id=CONTAINER,
        name="web",
        created=MADE,
        config=ContainerConfig(
            image="busybox",
            command=("httpd", "-f", "-h", "/my files"),
            environment=("A=1", "PATH=/bin"),
            directory="/srv",
            user="www",
            labels={"rack": "7"},
            exposed=(http, Port.parse("9000/udp")),
            volumes=("/data",),
            stop_signal="SIGINT",
            stop_timeout=3,
        ),
        host=HostSettings(ports=(PortRequest(http, None, 8080, 8080),), tmpfs={"/scratch": ""}),
        image="sha256:" + "ab" * 32,
        process=Process(arguments=("httpd", "-f", "-h", "/my files"), environment=("A=1", "PATH=/bin", "HOSTNAME=web")),
        sandbox=SANDBOX,
        hostname="web.example",
        mounts=(
            MountPoint(type="volume", source="/v/d/_data", target="/data", volume="d", mode="z"),
            MountPoint(type="bind", source="/etc/ssl", target="/ssl", read_only=True, mode="ro", options="rshared"),
            MountPoint(type="tmpfs", source="", target="/scratch"),
        ),
        state=ContainerState(
            status=status,
            pid=4711 if status is Status.RUNNING else 0,
            exit_code=0 if status is Status.RUNNING else 3,
            started=MADE if status is not Status.CREATED else None,
            finished=MADE if status is Status.EXITED else None,
        ),
    )


def published(item: Attachment) -> Attachment:
    """Return an endpoint with port 80 published."""
    bindings = (PortBinding(Port.parse("80"), IPv4Address("0.0.0.0"), 8080),)
    return structs.replace(item, endpoint=replace(item.endpoint, bindings=bindings))
