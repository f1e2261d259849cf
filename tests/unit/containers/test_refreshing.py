"""A container's files follow its networks as a part of the change, and are what they were where it fails."""

import asyncio
import shutil
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from msgspec import structs
from tests.unit.api.examples import attachment, web
from tests.unit.api.fake_networks import network

from netwright.containers.files import NameSettings, NetworkFiles
from netwright.containers.layout import Layout
from netwright.containers.refreshing import Refreshing
from netwright.containers.rows import Rows
from netwright.errors import SystemFailure
from netwright.model.container import Container, Status
from netwright.store.api import Put
from netwright.store.memory import MemoryStore

ON_BRIDGE = attachment()
JOINED = attachment(joined=network("red"))
JOINED = structs.replace(JOINED, endpoint=replace(JOINED.endpoint, ipv4=IPv4Interface("10.9.0.2/24"), ipv6=None))
BEFORE, AFTER = [ON_BRIDGE], [ON_BRIDGE, JOINED]
"""The first network of the embedded resolver comes."""
NEW_LINE = "10.9.0.2\tweb.example"


class Lab:
    """A container on the default bridge, with its files."""

    def __init__(self, directory: Path) -> None:
        layout = Layout(data_root=directory, exec_root=directory)
        self.files = NetworkFiles(layout, NameSettings())
        self.directory = layout.container(web().id)
        self.directory.mkdir(parents=True)
        self._store = MemoryStore()

    async def written(self, row: Container) -> "Lab":
        """Have the files as the container's start leaves them."""
        await self._store.commit([Put(row.id, row)])
        await self.files.write(row, BEFORE, ())
        return self

    def refreshing(self) -> Refreshing:
        """Return what a change of the container's networks does beside."""
        return Refreshing(self.files, Rows(self._store), web().id)

    def texts(self) -> dict[str, str]:
        """Return all files."""
        return {path.name: path.read_text() for path in self.directory.iterdir()}


@pytest.fixture
async def lab(tmp_path: Path) -> Lab:
    return await Lab(tmp_path).written(web())


async def test_the_files_name_the_new_address_and_the_embedded_resolver(lab: Lab) -> None:
    await lab.refreshing().make(AFTER)

    assert NEW_LINE in lab.texts()["hosts"].splitlines()
    assert "nameserver 127.0.0.11" in lab.texts()["resolv.conf"]


async def test_what_was_written_is_taken_back_to_the_letter(lab: Lab) -> None:
    hosts = lab.directory / "hosts"
    hosts.write_text("# own words, and no line of the container's\n")
    before = lab.texts()
    refreshing = lab.refreshing()
    await refreshing.make(AFTER)
    assert set(before.items()) ^ set(lab.texts().items())

    await refreshing.take_back()

    assert lab.texts() == before


async def test_what_somebody_has_written_since_is_not_taken_back(lab: Lab) -> None:
    refreshing = lab.refreshing()
    await refreshing.make(AFTER)
    (lab.directory / "hosts").write_text("192.0.2.1 mine\n")

    await refreshing.take_back()

    assert lab.texts()["hosts"] == "192.0.2.1 mine\n"
    assert "127.0.0.11" not in lab.texts()["resolv.conf"]


@pytest.mark.parametrize("row", [web(status=Status.EXITED), replace(web(), joins=web().id)], ids=["ended", "joined"])
async def test_the_files_of_one_that_does_not_run_or_has_anothers_stay(tmp_path: Path, row: Container) -> None:
    lab = await Lab(tmp_path).written(row)
    before = lab.texts()

    await lab.refreshing().make(AFTER)

    assert lab.texts() == before


async def test_what_the_disk_refuses_fails_the_change_and_leaves_the_other_file_as_it_was(lab: Lab) -> None:
    before = lab.texts()
    (lab.directory / "resolv.conf.hash").unlink()
    (lab.directory / "resolv.conf").unlink()
    (lab.directory / "resolv.conf").mkdir()
    refreshing = lab.refreshing()

    with pytest.raises(SystemFailure, match=r"resolv\.conf: Is a directory|Is a directory"):
        await refreshing.make(AFTER)
    await refreshing.take_back()

    assert (lab.directory / "hosts").read_text() == before["hosts"]


async def test_what_cannot_be_taken_back_is_logged(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    refreshing = lab.refreshing()
    await refreshing.make(AFTER)
    hosts = lab.directory / "hosts"
    hosts.unlink()
    hosts.mkdir()

    await refreshing.take_back()

    assert "Is a directory" in caplog.text


async def test_a_cancellation_waits_until_the_files_are_written(lab: Lab) -> None:
    refreshing = lab.refreshing()
    work = asyncio.ensure_future(refreshing.make(AFTER))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert NEW_LINE in lab.texts()["hosts"].splitlines()


@pytest.mark.parametrize("kept", ["", "resolv.conf", "resolv.conf.hash"])
async def test_files_of_a_change_that_died_with_the_engine_are_put_right(lab: Lab, kept: str) -> None:
    before = lab.texts()
    await lab.refreshing().make(AFTER)
    if kept:  # the engine died before it was written
        (lab.directory / kept).write_text(before[kept])

    lab.files.restore(web(), BEFORE)

    after = lab.texts()
    assert {name: after[name] for name in ("hosts", "resolv.conf")} == {
        name: before[name] for name in ("hosts", "resolv.conf")
    }


async def test_a_resolv_conf_of_somebody_elses_survives_a_start_of_the_engine(lab: Lab) -> None:
    mine = "nameserver 127.0.0.11\nsearch mine.example\n"
    (lab.directory / "resolv.conf").write_text(mine)

    lab.files.restore(web(), BEFORE)

    assert lab.texts()["resolv.conf"] == mine


def test_a_container_without_files_is_put_right_without_an_error(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    shutil.rmtree(lab.directory)
    lab.directory.mkdir()

    lab.files.restore(web(), BEFORE)

    assert "172.17.0.2\tweb.example" in lab.texts()["hosts"].splitlines()
