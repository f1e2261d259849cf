"""Networks through the docker SDK for Python, in the shapes in which its users and its own tests ask for them."""

from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.types import EndpointConfig, IPAMConfig, IPAMPool
from machine import Engine

pytestmark = pytest.mark.parametrize("running", ["nftables"], indirect=True)
"""The SDK does not know which firewall there is."""

IMAGE = "busybox:latest"


@pytest.fixture(params=["1.41", "1.44", "1.52"])
def client(request: pytest.FixtureRequest, engine: Engine) -> Iterator[docker.DockerClient]:
    """Return a client that speaks one version of the API."""
    client = docker.DockerClient(base_url=f"unix://{engine.socket}", version=request.param, timeout=60)
    yield client
    client.close()


def at_version(client: docker.DockerClient) -> tuple[int, ...]:
    """Return the version that a client speaks."""
    return tuple(int(part) for part in client.api._version.split("."))


def pool(**settings: Any) -> IPAMConfig:
    """Return one pool of addresses."""
    return IPAMConfig(driver="default", pool_configs=[IPAMPool(**settings)])


def test_networks_are_made_listed_found_and_removed(client: docker.DockerClient) -> None:
    network = client.networks.create("mine", labels={"foo": "bar"}, internal=True)
    name, identity = network.name, network.id

    assert (name, network.attrs["Labels"], network.attrs["Internal"]) == ("mine", {"foo": "bar"}, True)
    assert (network.attrs["Driver"], network.attrs["Scope"], network.attrs["IPAM"]["Driver"]) == (
        "bridge",
        "local",
        "default",
    )
    for found in (client.networks.list(names=["mine"]), client.networks.list(ids=[identity[:8]])):
        assert [item.id for item in found] == [identity]
    assert client.networks.list(filters={"label": "foo=bar", "dangling": True}) == [network]
    assert client.networks.list(names=["fdshjklfdsjhkl"]) == client.networks.list(ids=["fdhjklfdfdshjkfds"]) == []
    assert client.networks.get(identity) == client.networks.get("mine") == network
    with pytest.raises(APIError) as refused:
        client.networks.create("mine", check_duplicate=True)
    assert refused.value.status_code == 409
    network.remove()
    with pytest.raises(NotFound):
        client.networks.get(identity)
    with pytest.raises(APIError):
        client.networks.create("another", driver="host")


def test_the_plan_of_addresses_comes_back_as_it_was_given(client: docker.DockerClient) -> None:
    addresses = {"a": "172.28.1.5", "b": "172.28.1.6", "c": "172.28.1.7"}
    plan = pool(subnet="172.28.0.0/16", iprange="172.28.5.0/24", gateway="172.28.5.254", aux_addresses=addresses)

    ipam = client.networks.create("mine", ipam=plan).attrs["IPAM"]

    assert ipam == {
        "Driver": "default",
        "Options": None,
        "Config": [
            {
                "Subnet": "172.28.0.0/16",
                "IPRange": "172.28.5.0/24",
                "Gateway": "172.28.5.254",
                "AuxiliaryAddresses": addresses,
            }
        ],
    }


def test_a_container_joins_and_leaves_while_it_runs(client: docker.DockerClient) -> None:
    network = client.networks.create("mine", ipam=pool(subnet="132.124.0.0/16"))
    box = client.containers.create(IMAGE, ["sleep", "300"])
    assert network.containers == []
    network.connect(box, aliases=["foo", "bar"], ipv4_address="132.124.0.23", links=[("upstream", "up")])
    assert client.networks.get("mine").containers == []
    box.start()

    assert client.networks.get("mine").containers == [box]
    assert [c for net in client.networks.list(ids=[network.id], greedy=True) for c in net.containers] == [box]
    box.reload()
    shown = box.attrs["NetworkSettings"]["Networks"]["mine"]
    assert shown["IPAMConfig"] == {"IPv4Address": "132.124.0.23"}
    assert {"foo", "bar"} <= set(shown["Aliases"])
    assert shown["Links"] == ["upstream:up"]
    with pytest.raises(APIError) as refused:
        network.connect(box)
    assert refused.value.status_code == 403
    network.disconnect(box, force=True)
    assert client.networks.get("mine").containers == []
    with pytest.raises(APIError) as refused:
        network.disconnect(box)
    assert refused.value.status_code == 500


def test_a_container_is_made_with_its_endpoint(client: docker.DockerClient) -> None:
    client.networks.create("mine", ipam=pool(subnet="132.124.0.0/16"))
    endpoint = EndpointConfig(client.api._version, aliases=["foo"], ipv4_address="132.124.0.23")
    box = client.containers.run(
        IMAGE, ["sleep", "300"], network="mine", networking_config={"mine": endpoint}, detach=True
    )

    box.reload()
    shown = box.attrs["NetworkSettings"]["Networks"]["mine"]
    assert (shown["IPAddress"], shown["IPPrefixLen"], shown["Gateway"]) == ("132.124.0.23", 16, "132.124.0.1")
    assert ("IPAddress" in box.attrs["NetworkSettings"]) == (at_version(client) < (1, 52))
    assert ("DNSNames" in shown) == (at_version(client) >= (1, 44))


def test_link_local_and_idle_ipv6_addresses_are_kept(client: docker.DockerClient) -> None:
    version = client.api._version
    client.networks.create("mine", ipam=pool(subnet="2001:389::1/64"))
    for name, network, wish, key, value in (
        ("one", "bridge", {"link_local_ips": ["169.254.8.8"]}, "LinkLocalIPs", ["169.254.8.8"]),
        ("two", "mine", {"ipv6_address": "2001:389::f00d"}, "IPv6Address", "2001:389::f00d"),
    ):
        made = client.api.create_container(
            IMAGE,
            ["sleep", "300"],
            name=name,
            host_config=client.api.create_host_config(network_mode=network),
            networking_config=client.api.create_networking_config({network: EndpointConfig(version, **wish)}),
        )
        client.api.start(made)

        shown = client.api.inspect_container(made)["NetworkSettings"]["Networks"][network]
        assert shown["IPAMConfig"][key] == value


def test_ipv6_is_switched_on_with_a_plan(client: docker.DockerClient) -> None:
    plan = pool(subnet="2001:389::/64", iprange="2001:389::0/96", gateway="2001:389::ffff")

    network = client.networks.create("mine", enable_ipv6=True, attachable=True, ipam=plan)

    assert (network.attrs["EnableIPv6"], network.attrs["Attachable"]) == (True, True)
    assert network.attrs["IPAM"]["Config"][-1] == {
        "Subnet": "2001:389::/64",
        "IPRange": "2001:389::/96",
        "Gateway": "2001:389::ffff",
    }
    assert ("EnableIPv4" in network.attrs) == (at_version(client) >= (1, 48))
    assert ("Status" in network.attrs) == (at_version(client) >= (1, 52))


@pytest.mark.parametrize("name", ["with space", "with/slash", "ünï", "100%"])
def test_any_name_will_do(client: docker.DockerClient, name: str) -> None:
    network = client.networks.create(name)

    assert client.networks.list(names=[name]) == [network]
    client.networks.get(network.id).remove()
    assert client.networks.list(names=[name]) == []


def test_a_prune_tells_what_it_removed(client: docker.DockerClient) -> None:
    client.networks.create("one", labels={"x": "1"})
    client.networks.create("two")

    assert client.networks.prune(filters={"label": "x"}) == {"NetworksDeleted": ["one"]}
    assert client.networks.prune() == {"NetworksDeleted": ["two"]}
    assert client.networks.prune() == {"NetworksDeleted": None}
