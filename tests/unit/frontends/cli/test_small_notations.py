"""Times, sizes, keys, names of images, folded ports, tables."""

import pytest

from netwright.frontends.cli import keys
from netwright.frontends.cli.document import Json
from netwright.frontends.cli.failures import BadFlag, CommandFailed
from netwright.frontends.cli.images import parse_reference
from netwright.frontends.cli.moments import ago, moment, parse_duration
from netwright.frontends.cli.ordering import natural
from netwright.frontends.cli.ports import written
from netwright.frontends.cli.quantities import binary_size, decimal_size, parse_cpus, parse_size
from netwright.frontends.cli.table import render


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (150, "2 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (15 * 86400, "2 weeks"),
        (90 * 86400, "3 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_spans_are_said_in_dockers_words(seconds: float, said: str) -> None:
    assert ago(seconds) == said


@pytest.mark.parametrize(
    ("text", "seconds"), [("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("-5s", -5), ("0", 0), ("x", None), ("5", None)]
)
def test_durations_are_gos(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("1700000000", "1700000000"),
        ("1700000000.5", "1700000000.5"),
        ("10m", "400.000000000"),
        ("2013-01-02T13:23:37Z", "1357133017.000000000"),
        ("2013-01-02T13:23:37.000000005+01:00", "1357129417.000000005"),
    ],
)
def test_moments_are_sent_as_seconds(text: str, sent: str) -> None:
    assert moment(text, now=1000) == sent


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(CommandFailed, match='"yesterday" is no time'):
        moment("yesterday")
    with pytest.raises(CommandFailed, match="is no time"):
        moment("2013-13-45T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "size"), [("64m", 2**26), ("1.5GiB", 3 * 2**29), ("64MB", 2**26), ("10", 10), ("1k", 1024), ("5b", 5)]
)
def test_sizes_are_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text, "-m") == size


@pytest.mark.parametrize("text", ["12q", "m", "", "1mm", "-1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadFlag):
        parse_size(text, "-m")


@pytest.mark.parametrize(("text", "billionths"), [("1", 10**9), (".5", 5 * 10**8), ("1.25", 1_250_000_000)])
def test_processors_are_counted_in_billionths(text: str, billionths: int) -> None:
    assert parse_cpus(text, "--cpus") == billionths


@pytest.mark.parametrize("text", ["", ".", "x", "1.0000000001"])
def test_what_is_no_share_of_processors_is_refused(text: str) -> None:
    with pytest.raises(BadFlag):
        parse_cpus(text, "--cpus")


def test_sizes_are_shown_short() -> None:
    assert [decimal_size(size) for size in (0, 999, 4_261_550, 10**12)] == ["0B", "999B", "4.26MB", "1TB"]
    assert binary_size(2_059_403_264) == "1.918GiB"


@pytest.mark.parametrize(
    ("text", "sequence"), [("", b"\x10\x11"), ("ctrl-a,d", b"\x01d"), ("ctrl-@", b"\0"), ("ctrl-],ctrl-_", b"\x1d\x1f")]
)
def test_detach_keys_are_dockers(text: str, sequence: bytes) -> None:
    assert keys.parse(text) == sequence


def test_keys_that_cannot_be_typed_are_refused() -> None:
    with pytest.raises(CommandFailed, match="'ctrl-1' is neither"):
        keys.parse("ctrl-1")


def test_the_beginning_of_the_sequence_is_held_back_until_it_is_clear() -> None:
    detacher = keys.Detacher(b"\x10\x11")

    assert [detacher.pass_on(typed) for typed in (b"a\x10", b"b", b"\x10\x10", b"\x11 not sent")] == [
        b"a", b"\x10b", b"\x10", b"",
    ]  # fmt: skip
    assert detacher.detached


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("127.0.0.1:5000/b", "127.0.0.1:5000/b:latest"),
        ("localhost/b:x", "localhost/b:x"),
        ("b@sha256:abc", "docker.io/library/b@sha256:abc"),
    ],
)
def test_names_of_images_are_made_whole(name: str, whole: str) -> None:
    assert str(parse_reference(name)) == whole


def test_a_name_in_capitals_is_refused() -> None:
    with pytest.raises(CommandFailed, match="repository name must be lowercase"):
        parse_reference("BusyBox")


def test_neighbouring_ports_are_folded() -> None:
    def port(ip: str, inner: int, outer: int) -> Json:
        return {"IP": ip, "PrivatePort": inner, "PublicPort": outer, "Type": "tcp"}

    ports: list[Json] = [
        port("0.0.0.0", 80, 8000),
        port("0.0.0.0", 81, 8001),
        port("::", 80, 8000),
        port("0.0.0.0", 83, 9000),
    ]
    ports += [{"PrivatePort": 90, "Type": "udp"}, {"PrivatePort": 91, "Type": "udp"}]

    assert written(ports) == "0.0.0.0:8000-8001->80-81/tcp, 0.0.0.0:9000->83/tcp, [::]:8000->80/tcp, 90-91/udp"


def test_names_are_ordered_by_their_numbers() -> None:
    assert sorted(["net10", "net2", "a", "10", "9"], key=natural) == ["9", "10", "a", "net2", "net10"]


def test_a_table_keeps_columns_apart() -> None:
    assert render([["A", "NAME"], ["1", "x"], ["longer than ten", "y"]]) == [
        "A                 NAME",
        "1                 x",
        "longer than ten   y",
    ]


def test_a_table_cuts_its_widest_column_first() -> None:
    lines = render([["ID", "TEXT", "NAME"], ["0123456789ab", "x" * 60, "web"]], 50)

    assert lines[1].startswith("0123456789ab   xxx")
    assert lines[1].endswith("…   web")
    assert len(lines[0]) == 50


def test_a_terminal_too_narrow_for_anything_still_shows_ids() -> None:
    assert render([["0123456789ab", "x" * 30]], 10) == ["0123456789ab   xxxxxxxxxxx…"]
