"""Who may connect, out of labels."""

import pytest

from netwright.api.translate.sources import limited
from netwright.errors import InvalidInput
from netwright.model.ports import Port, PortRequest
from netwright.model.sources import Sources

WEB, DNS = PortRequest(Port.parse("80"), None, 8080, 8080), PortRequest(Port.parse("53/udp"))


def test_labels_of_others_limit_nothing() -> None:
    assert limited([WEB], {"netwright.publish.fromage": "brie", "tier": "front"}) == (WEB,)


def test_a_label_limits_all_ports_and_one_with_a_port_that_one() -> None:
    labels = {"netwright.publish.from": "host", "netwright.publish.from.53/udp": "10.0.0.0/8"}

    web, dns = limited([WEB, DNS], labels)

    assert (web.sources, dns.sources) == (Sources.parse(["host"]), Sources.parse(["10.0.0.0/8"]))
    assert limited([DNS], {"netwright.publish.from.80": "host"}) == (DNS,)


@pytest.mark.parametrize(
    ("label", "value"),
    [("netwright.publish.from", "every body"), ("netwright.publish.from.x", "any"), ("netwright.publish.from.80", "")],
)
def test_a_label_that_makes_no_sense_is_named(label: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"label {label}: "):
        limited([WEB], {label: value})
