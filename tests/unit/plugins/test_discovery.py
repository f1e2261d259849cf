"""Where plugins are found, and how what is said about them is read."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.errors import NotFound, SystemFailure
from netwright.plugins.discovery import Address, Places, Tls, find


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Give three empty folders."""
    folders = [tmp_path / name for name in ("run", "etc", "lib")]
    for folder in folders:
        folder.mkdir()
    return Places(sockets=folders[0], specifications=folders[1:])


@pytest.fixture
def listening(places: Places) -> Iterator[Path]:
    """Give the path of a socket at which a plugin named acme listens."""
    path = places.sockets / "acme.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        yield path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_socket_of_the_name_comes_before_all_files(places: Places, listening: Path) -> None:
    write(places.specifications[0], "acme.spec", "tcp://192.0.2.7:8080")

    assert find("acme", places) == Address(path=str(listening))


def test_a_plain_file_is_no_socket(places: Places) -> None:
    write(places.sockets, "acme.sock", "")

    with pytest.raises(NotFound, match=r'^plugin "acme" not found$'):
        find("acme", places)


@pytest.mark.parametrize("name", ["acme.spec", "acme/acme.spec"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_file_may_stand_in_either_folder_and_in_one_of_its_name(places: Places, name: str, place: int) -> None:
    write(places.specifications[place], name, "unix:///var/acme.sock\n")

    assert find("acme", places) == Address(path="/var/acme.sock")


def test_the_first_folder_comes_first_and_lines_before_objects(places: Places) -> None:
    write(places.specifications[1], "acme.spec", "tcp://far:1")
    write(places.specifications[0], "acme.json", '{"Name": "acme", "Addr": "http://near:2"}')
    assert find("acme", places) == Address(host="near:2")

    write(places.specifications[0], "acme.spec", "tcp://near:3")
    assert find("acme", places) == Address(host="near:3")


@pytest.mark.parametrize(
    ("said", "tls"),
    [
        ("", Tls(verify=False)),
        (
            ', "TLSConfig": {"CAFile": "/ca", "CertFile": "/cert", "KeyFile": "/key"}',
            Tls(verify=True, authority="/ca", certificate="/cert", key="/key"),
        ),
        (', "TLSConfig": {"InsecureSkipVerify": true, "CAFile": "/ca"}', Tls(verify=False, authority="/ca")),
    ],
)
def test_without_an_authority_a_server_of_https_is_not_verified(places: Places, said: str, tls: Tls) -> None:
    write(places.specifications[0], "acme.json", '{"Addr": "https://far:443"' + said + "}")

    assert find("acme", places) == Address(host="far:443", tls=tls)


@pytest.mark.parametrize("text", ["", "far:1", "ftp://far:1", "unix://", "tcp://"])
def test_a_line_that_leads_nowhere_is_an_error_that_names_its_file(places: Places, text: str) -> None:
    path = write(places.specifications[0], "acme.spec", text)

    with pytest.raises(SystemFailure, match=str(path)):
        find("acme", places)


@pytest.mark.parametrize("text", ["", "[]", '{"Addr": 5}', "{}"])
def test_an_object_that_makes_no_sense_is_an_error_that_names_its_file(places: Places, text: str) -> None:
    path = write(places.specifications[0], "acme.json", text)

    with pytest.raises(SystemFailure, match=str(path)):
        find("acme", places)


@pytest.mark.parametrize("name", ["", ".", "..", "../run/acme", "/etc/acme", "a/b", "-a", "a\n"])
def test_a_name_cannot_lead_out_of_the_folders(places: Places, listening: Path, name: str) -> None:
    with pytest.raises(NotFound):
        find(name, places)
