import base64
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine, Request
from tests.unit.frontends.cli.shell import netwright

from netwright.frontends.cli.copying import Place, Target, target_of, unpack
from netwright.frontends.cli.failures import CommandFailed

DIRECTORY, LINK = 1 << 31, 1 << 27


def tar_of(*members: tuple[str, bytes | None]) -> bytes:
    """Return an archive of files, and of directories where there is no content."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.mode = 0o755 if content is None else 0o640
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return whole.getvalue()


def stat(mode: int, link: str = "") -> dict[str, str]:
    document = {"name": "x", "size": 1, "mode": mode, "mtime": "2024-01-01T00:00:00Z", "linkTarget": link}
    return {"X-Docker-Container-Path-Stat": base64.b64encode(json.dumps(document).encode()).decode()}


def place(path: str, kind: str) -> Place:
    return Place(path, exists=kind != "none", is_directory=kind == "directory")


@pytest.mark.parametrize(
    ("source", "destination", "target"),
    [
        (place("/a/f", "file"), place("/b/g", "none"), Target("/b", "g")),
        (place("/a/f", "file"), place("/b/g", "file"), Target("/b", "g")),
        (place("/a/f", "file"), place("/b", "directory"), Target("/b", "f")),
        (place("/a/f", "file"), place("g", "none"), Target(".", "g")),
        (place("/a/d", "directory"), place("/b/e", "none"), Target("/b", "e")),
        (place("/a/d", "directory"), place("/b", "directory"), Target("/b", "d")),
        (place("/a/d/.", "directory"), place("/b", "directory"), Target("/b", "")),
        (place("/a/d/.", "directory"), place("/b/e", "none"), Target("/b", "e")),
        (place("/a/d/", "directory"), place("/b", "directory"), Target("/b", "d")),
    ],
)
def test_it_goes_where_docker_puts_it(source: Place, destination: Place, target: Target) -> None:
    assert target_of(source, destination) == target


def test_a_directory_does_not_go_over_a_file_nor_a_file_into_no_directory() -> None:
    with pytest.raises(CommandFailed, match="cannot copy directory"):
        target_of(place("/d", "directory"), place("/f", "file"))
    with pytest.raises(CommandFailed, match="no such directory: /b/"):
        target_of(place("/f", "file"), place("/b/", "none"))


@pytest.fixture
def holder(engine: FakeEngine) -> Callable[[int, bytes], FakeEngine]:
    """Return a function that puts an archive into a container of the fake engine."""

    def hold(mode: int, archive: bytes) -> FakeEngine:
        engine.on("GET /containers/web/archive", Answer(chunks=[archive[:700], archive[700:]], headers=stat(mode)))
        return engine

    return hold


def test_a_file_is_fetched_into_a_directory(holder: Callable[[int, bytes], FakeEngine], tmp_path: Path) -> None:
    result = netwright(holder(0o640, tar_of(("f", b"data"))), "cp", "web:/a/f", str(tmp_path))

    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "f").read_bytes() == b"data"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640


def test_a_file_is_fetched_over_another(holder: Callable[[int, bytes], FakeEngine], tmp_path: Path) -> None:
    (tmp_path / "g").write_text("old and longer")
    netwright(holder(0o640, tar_of(("f", b"new"))), "cp", "web:/f", str(tmp_path / "g"))

    assert (tmp_path / "g").read_text() == "new"


def test_a_directory_is_fetched_under_a_new_name(holder: Callable[[int, bytes], FakeEngine], tmp_path: Path) -> None:
    archive = tar_of(("d/", None), ("d/sub/", None), ("d/sub/f", b"x"))
    netwright(holder(DIRECTORY, archive), "cp", "web:/d", str(tmp_path / "e"))

    assert (tmp_path / "e/sub/f").read_text() == "x"


def test_the_content_of_a_directory_is_fetched_alone(
    holder: Callable[[int, bytes], FakeEngine], tmp_path: Path
) -> None:
    netwright(holder(DIRECTORY, tar_of(("./", None), ("./f", b"x"))), "cp", "web:/d/.", str(tmp_path))

    assert (tmp_path / "f").read_text() == "x"


def test_an_archive_goes_to_stdout_as_it_is(holder: Callable[[int, bytes], FakeEngine]) -> None:
    archive = tar_of(("f", b"plain"))
    result = netwright(holder(0o640, archive), "cp", "web:/f", "-")

    assert result.out.encode() == archive


def link_then_file() -> bytes:
    """Return an archive that makes a link to elsewhere and then writes through it."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        link = tarfile.TarInfo("d/out")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("d/out/evil"))
    return whole.getvalue()


@pytest.mark.parametrize(
    "archive", [tar_of(("d/", None), ("d/../../evil", b"x")), link_then_file()], ids=["dots", "link"]
)
def test_nothing_is_written_outside_of_the_target(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    source = Place("/d", exists=True, is_directory=True)
    with pytest.raises(CommandFailed, match="outside of the target"):
        unpack(io.BytesIO(archive), source, Target(str(tmp_path), "d"), keep_owner=False)

    assert not (tmp_path / "evil").exists()


@pytest.fixture
def taker(engine: FakeEngine) -> FakeEngine:
    """Make the fake engine take archives; `/dir` and a link to it are there."""

    def head(request: Request) -> Answer:
        known = {"/dir": stat(DIRECTORY), "/link": stat(LINK, "/dir"), "/file": stat(0o644)}
        path = request.query["path"]
        return Answer(headers=known[path]) if path in known else Answer(404)

    engine.on("HEAD /containers/web/archive", head)
    engine.on("PUT /containers/web/archive", Answer(200))
    return engine


def put(taker: FakeEngine) -> tuple[str, list[str]]:
    """Return where an archive went and what is in it."""
    request = taker.asked("PUT /containers/web/archive")[-1]
    with tarfile.open(fileobj=io.BytesIO(request.body)) as archive:
        return request.query["path"], archive.getnames()


@pytest.mark.parametrize(
    ("source", "destination", "where", "names"),
    [
        ("f", "/dir", "/dir", ["f"]),
        ("f", "/link", "/dir", ["f"]),
        ("f", "/file", "/", ["file"]),
        ("f", "/dir/new", "/dir", ["new"]),
        ("d", "/dir", "/dir", ["d", "d/x"]),
        ("d", "/new", "/", ["new", "new/x"]),
        ("d/.", "/dir", "/dir", [".", "./x"]),
    ],
)
def test_what_is_sent_is_named_as_it_will_be(
    taker: FakeEngine, tmp_path: Path, source: str, destination: str, where: str, names: list[str]
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("x")
    (tmp_path / "f").write_text("f")
    result = netwright(taker, "cp", f"{tmp_path}/{source}", f"web:{destination}")

    assert (result.code, result.err) == (0, "")
    assert put(taker) == (where, names)


def test_what_is_not_here_cannot_be_sent(taker: FakeEngine, tmp_path: Path) -> None:
    result = netwright(taker, "cp", f"{tmp_path}/none", "web:/dir")

    assert (result.code, result.err) == (1, f"lstat {tmp_path}/none: no such file or directory\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["a:/x", "b:/y"], "copying between containers is not supported"),
        (["./a", "./b"], "must specify at least one container source"),
    ],
)
def test_exactly_one_side_is_a_container(engine: FakeEngine, words: list[str], reason: str) -> None:
    result = netwright(engine, "cp", *words)

    assert (result.code, result.err) == (1, f"{reason}\n")
