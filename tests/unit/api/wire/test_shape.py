"""Bodies are read as leniently as Go reads them, and no more."""

import pytest

from netwright.api.wire.containers import ContainerCreate
from netwright.api.wire.networks import NetworkCreate
from netwright.api.wire.shape import decode, encode
from netwright.api.wire.volumes import VolumeCreate
from netwright.errors import InvalidInput


def test_keys_are_matched_without_regard_to_case_at_every_depth() -> None:
    text = b'{"name": "n", "ipam": {"config": [{"subnet": "10.0.0.0/8", "AUXILIARYADDRESSES": {"R": "10.0.0.9"}}]}}'

    asked = decode(NetworkCreate, text)

    assert asked.name == "n"
    assert asked.ipam is not None
    assert asked.ipam.config[0].subnet == "10.0.0.0/8"
    assert asked.ipam.config[0].auxiliary_addresses == {"R": "10.0.0.9"}


def test_keys_of_maps_keep_their_case() -> None:
    assert decode(VolumeCreate, b'{"Labels": {"Com.Example": "X"}}').labels == {"Com.Example": "X"}


def test_null_is_as_if_it_were_not_there() -> None:
    text = (
        b'{"Image": "busybox", "Cmd": null, "Env": null, "Labels": null, "HostConfig": null, "NetworkingConfig": null}'
    )

    asked = decode(ContainerCreate, text)

    assert asked.cmd is None
    assert asked.env == []
    assert asked.host_config.network_mode == "default"
    assert decode(ContainerCreate, b"null") == decode(ContainerCreate, b"{}")


def test_null_among_values_is_the_zero_value() -> None:
    assert decode(VolumeCreate, b'{"Labels": {"a": null}}').labels == {"a": ""}
    asked = decode(
        ContainerCreate, b'{"ExposedPorts": {"80/tcp": null}, "HostConfig": {"PortBindings": {"80/tcp": null}}}'
    )
    assert list(asked.exposed_ports or ()) == ["80/tcp"]
    assert asked.host_config.port_bindings == {"80/tcp": None}


def test_a_command_may_be_one_text() -> None:
    assert decode(ContainerCreate, b'{"Cmd": "echo hi"}').cmd == "echo hi"
    assert decode(ContainerCreate, b'{"Cmd": ["echo", "hi"]}').cmd == ["echo", "hi"]


def test_what_is_no_utf_8_is_replaced() -> None:
    assert decode(VolumeCreate, b'{"Name": "v\xff"}').name == "v\ufffd"


def test_unknown_keys_are_ignored() -> None:
    assert decode(VolumeCreate, b'{"Name": "v", "Colour": {"x": 1}}').name == "v"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "invalid JSON: got EOF while reading request body"),
        (b"  \n", "invalid JSON: got EOF while reading request body"),
        (b'{"Name": "v"} x', "unexpected content after JSON"),
        (b'{"Name": "v"}{}', "unexpected content after JSON"),
        (b"{bad", "invalid JSON: invalid character 'b' looking for beginning of object key string"),
        (
            b'{"Name": 5}',
            "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Name of type string",
        ),
        (
            b'{"Labels": {"a": 1}}',
            "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Labels of type string",
        ),
        (b"[]", "invalid JSON: json: cannot unmarshal array into Go value of type CreateRequest"),
        (b"[" * 100_000, "invalid JSON: exceeded max depth"),
    ],
)
def test_what_is_no_body_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode(NetworkCreate, text)

    assert str(refused.value).startswith(words)


def test_a_number_that_go_could_not_hold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="number 9223372036854775808 does not fit into 64 bits"):
        decode(ContainerCreate, b'{"HostConfig": {"Memory": 9223372036854775808}}')


def test_answers_end_their_line() -> None:
    assert encode(VolumeCreate(name="v")) == b'{"Name":"v","Driver":"local","DriverOpts":{},"Labels":{}}\n'
