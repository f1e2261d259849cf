import pytest

from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.publish import Binding, bindings, exposed


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("80", [("80/tcp", "", "")]),
        ("8080:80", [("80/tcp", "", "8080")]),
        ("0:80", [("80/tcp", "", "0")]),
        (":80", [("80/tcp", "", "")]),
        ("127.0.0.1:8080:80/UDP", [("80/udp", "127.0.0.1", "8080")]),
        ("127.0.0.1::80", [("80/tcp", "127.0.0.1", "")]),
        ("[::1]:80:80", [("80/tcp", "::1", "80")]),
        ("::1:80:80", [("80/tcp", "::1", "80")]),
        ("[::]::53/sctp", [("53/sctp", "::", "")]),
        ("80-81", [("80/tcp", "", ""), ("81/tcp", "", "")]),
        ("9000-9001:80-81", [("80/tcp", "", "9000"), ("81/tcp", "", "9001")]),
        ("7000-7010:70", [("70/tcp", "", "7000-7010")]),
        ("published=8080,target=80,protocol=udp,mode=host", [("80/udp", "", "8080")]),
        ("target=80", [("80/tcp", "", "")]),
    ],
)
def test_every_form_of_publishing_is_read(spec: str, found: list[Binding]) -> None:
    assert bindings([spec]) == found


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("99999:80", "invalid hostPort: 99999"),
        ("x:80", "invalid hostPort: x"),
        ("80:x", "invalid containerPort: x"),
        ("81-80", "invalid containerPort: 81-80"),
        ("80:", "no port specified: 80:<empty>"),
        ("80/foo", "invalid proto: foo"),
        ("foo:80:80", "invalid IP address: foo"),
        ("80-81:19000-19002", "invalid ranges specified for container and host Ports: 19000-19002 and 80-81"),
        ("published=1,foo=2", "invalid field key: foo"),
        ("published=1", "missing mandatory field 'target'"),
    ],
)
def test_what_cannot_be_published_is_refused_in_dockers_words(spec: str, reason: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        bindings([spec])

    assert caught.value.message == reason


def test_exposed_ports_may_be_ranges_and_have_protocols() -> None:
    assert exposed(["80-81", "53/UDP"]) == ["80/tcp", "81/tcp", "53/udp"]
    with pytest.raises(CommandFailed, match="invalid port format for --expose: 80:90"):
        exposed(["80:90"])
