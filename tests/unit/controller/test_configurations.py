"""What configuration networks may be, and what is made from them."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network

import pytest

from netwright.controller.api import NetworkRequest
from netwright.controller.configurations import check_configuration, configured, refuse_used
from netwright.errors import Forbidden, NotFound
from netwright.model.names import Id
from netwright.model.network import Network, Pool

POOL = Pool(subnet=IPv4Network("10.9.0.0/24"))
SOURCE = Network(
    id=Id("aa" * 32),
    name="plan",
    driver="null",
    created=datetime(2026, 3, 4, tzinfo=UTC),
    config_only=True,
    ipv6=True,
    pools=(POOL,),
    ipam_options={"x": "y"},
    options={"com.docker.network.driver.mtu": "1400"},
    labels={"a": "b"},
)
FROM = NetworkRequest(name="made", config_from="plan")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (NetworkRequest(name="x", config_only=True, internal=True), "Network operator fields like"),
        (NetworkRequest(name="x", config_only=True, attachable=True), "Network operator fields like"),
        (NetworkRequest(name="x", config_only=True, ingress=True), "Network operator fields like"),
        (NetworkRequest(name="x", config_only=True, scope="local"), "Network operator fields like"),
        (replace(FROM, config_only=True), "cannot depend on another configuration network"),
        (replace(FROM, ipv4=False), "user-specified configurations are not supported"),
        (replace(FROM, ipv6=True), "user-specified configurations are not supported"),
        (replace(FROM, labels={"a": "b"}), "user-specified configurations are not supported"),
        (replace(FROM, pools=(POOL,)), "user-specified configurations are not supported"),
        (replace(FROM, ipam_options={"a": "b"}), "user-specified configurations are not supported"),
        (replace(FROM, ipam_driver="other"), "user-specified configurations are not supported"),
        (replace(FROM, options={"a": "b"}), "network driver options are not supported"),
    ],
    ids=str,
)
def test_what_a_configuration_says_cannot_be_said_twice(request_: NetworkRequest, words: str) -> None:
    with pytest.raises(Forbidden) as refused:
        check_configuration(request_)

    assert words in str(refused.value)


def test_what_the_operator_says_of_a_network_may_be_said_beside_its_configuration() -> None:
    check_configuration(replace(FROM, internal=True, attachable=True, ipam_options={}))
    check_configuration(NetworkRequest(name="x", config_only=True, pools=(POOL,), labels={"a": "b"}))


def test_a_network_takes_all_from_its_configuration() -> None:
    made = configured(replace(FROM, internal=True), [SOURCE])

    assert (made.name, made.driver, made.internal, made.config_from) == ("made", "bridge", True, "plan")
    assert (made.ipv6, made.pools, made.ipam_options) == (True, (POOL,), {"x": "y"})
    assert (made.options, made.labels) == (SOURCE.options, SOURCE.labels)


def test_only_a_configuration_network_can_be_taken_from() -> None:
    with pytest.raises(NotFound) as refused:
        configured(FROM, [replace(SOURCE, config_only=False)])

    assert str(refused.value) == 'configuration network "plan" does not exist'


def test_a_configuration_stays_while_there_is_a_network_made_from_it() -> None:
    made = replace(SOURCE, id=Id("bb" * 32), name="made", config_only=False, config_from="plan")

    with pytest.raises(Forbidden) as refused:
        refuse_used(SOURCE, [SOURCE, made])

    assert 'configuration network "plan" is in use (by made)' in str(refused.value)
    refuse_used(SOURCE, [SOURCE])
    refuse_used(made, [SOURCE, made])
