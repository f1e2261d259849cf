"""The verbs that have no file of tests of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine, frame
from tests.unit.frontends.cli.shell import netwright

NOT_FOUND = Answer(404, json={"message": "No such thing"})


def test_inspect_looks_among_all_kinds_and_shows_what_it_found(engine: FakeEngine) -> None:
    for kind in ("containers/*/json", "images/*/json", "networks/*", "volumes/*"):
        engine.on(f"GET /{kind}", NOT_FOUND)
    engine.on("GET /networks/back", Answer(json={"Name": "back"}))
    result = netwright(engine, "inspect", "back", "none")

    assert result.code == 1
    assert json.loads(result.out) == [{"Name": "back"}]
    assert result.err == "Error: No such object: none\n"


def test_inspect_by_kind_tells_the_engines_reason(engine: FakeEngine) -> None:
    engine.on("GET /networks/*", Answer(404, json={"message": "network x not found"}))
    result = netwright(engine, "network", "inspect", "x")

    assert (result.code, result.out) == (1, "[]\n")
    assert result.err == "Error response from daemon: network x not found\n"


def test_inspect_fills_a_template(engine: FakeEngine) -> None:
    engine.on("GET /containers/web/json", Answer(json={"NetworkSettings": {"IPAddress": "172.17.0.2"}}))

    assert netwright(engine, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web").out == "172.17.0.2\n"
    assert netwright(engine, "container", "inspect", "web").lines[:2] == ["[", "    {"]


def test_inspect_asks_only_the_kind_that_is_named(engine: FakeEngine) -> None:
    engine.on("GET /volumes/x", Answer(json={"Name": "x"}))
    netwright(engine, "inspect", "--type", "volume", "x")

    assert [request.path for request in engine.requests] == ["/_ping", "/volumes/x"]
    assert "is not a valid value for --type" in netwright(engine, "inspect", "--type", "cat", "x").err


def test_logs_are_sorted_by_stream(engine: FakeEngine) -> None:
    engine.on("GET /containers/web/json", Answer(json={"Config": {"Tty": False}}))
    engine.on("GET /containers/web/logs", Answer(chunks=[frame(1, b"out\n") + frame(2, b"err"), frame(2, b"or\n")]))
    result = netwright(engine, "logs", "-f", "-n", "5", "-t", "--since", "1700000000", "web")

    assert (result.out, result.err) == ("out\n", "error\n")
    query = engine.asked("GET /containers/web/logs")[0].query
    assert query == {"stdout": "1", "stderr": "1", "follow": "1", "timestamps": "1", "tail": "5", "since": "1700000000"}


def test_logs_of_a_terminal_are_shown_as_they_are(engine: FakeEngine) -> None:
    engine.on("GET /containers/web/json", Answer(json={"Config": {"Tty": True}}))
    engine.on("GET /containers/web/logs", Answer(chunks=[b"\x01\x00 raw"]))

    assert netwright(engine, "logs", "web").out == "\x01\x00 raw"


EVENT = {
    "Type": "network",
    "Action": "connect",
    "Actor": {"ID": "n1", "Attributes": {"name": "back", "container": "c1"}},
    "time": 1_700_000_000,
    "timeNano": 1_700_000_000_000_000_005,
}


def test_events_are_written_on_a_line_each(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.on("GET /events", Answer(chunks=[json.dumps(EVENT).encode() + b"\n"]))
    line = netwright(engine, "events", "-f", "type=network", "--until", "1700000001").out

    assert ".000000005" in line
    assert line.endswith(" network connect n1 (container=c1, name=back)\n")
    query = engine.asked("GET /events")[0].query
    assert query == {"filters": '{"type":["network"]}', "until": "1700000001"}


def test_events_may_be_json_or_templates(engine: FakeEngine) -> None:
    engine.on("GET /events", Answer(chunks=[json.dumps(EVENT).encode() + b"\n"]))

    assert json.loads(netwright(engine, "events", "--json").out) == EVENT
    assert netwright(engine, "events", "--format", "{{.Action}} {{.Actor.Attributes.name}}").out == "connect back\n"


def network(engine: FakeEngine, *words: str) -> Any:
    engine.on("POST /networks/create", Answer(201, json={"Id": "n" * 64, "Warning": ""}))
    result = netwright(engine, "network", "create", *words)

    assert (result.code, result.out) == (0, "n" * 64 + "\n"), result.err
    return engine.asked("POST /networks/create")[-1].json


def test_what_belongs_to_a_subnet_is_sorted_to_it(engine: FakeEngine) -> None:
    body = network(
        engine, "--subnet", "10.9.0.0/24", "--subnet", "fd00::/64", "--gateway", "fd00::1", "--ip-range",
        "10.9.0.128/25", "--aux-address", "printer=10.9.0.7", "back",
    )  # fmt: skip

    assert body["IPAM"]["Config"] == [
        {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.128/25", "AuxiliaryAddresses": {"printer": "10.9.0.7"}},
        {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
    ]


def test_the_families_are_sent_only_where_they_were_named(engine: FakeEngine) -> None:
    assert "EnableIPv4" not in network(engine, "back")
    assert network(engine, "--ipv4=false", "--ipv6", "back")["EnableIPv4"] is False


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--gateway", "10.0.0.1"], "every ip-range or gateway must have a corresponding subnet"),
        (["--subnet", "10.0.0.0/24", "--gateway", "10.1.0.1"], "no matching subnet for gateway 10.1.0.1"),
        (["--subnet", "10.0.0.0/24", "--ip-range", "10.1.0.0/25"], "no matching subnet for range 10.1.0.0/25"),
        (
            ["--subnet", "10.0.0.0/24", "--aux-address", "x=10.1.0.1"],
            "no matching subnet for aux-address 10.1.0.1",
        ),
        (
            ["--subnet", "10.0.0.0/24", "--subnet", "10.0.0.0/25"],
            "multiple overlapping subnet configuration is not supported",
        ),
    ],
)
def test_a_subnet_that_does_not_fit_is_refused(engine: FakeEngine, words: list[str], reason: str) -> None:
    result = netwright(engine, "network", "create", *words, "back")

    assert (result.code, result.err) == (1, f"{reason}\n")
    assert not engine.requests


def test_connect_sends_only_what_is_asked(engine: FakeEngine) -> None:
    engine.on("POST /networks/back/connect", Answer(200))
    netwright(engine, "network", "connect", "--ip", "10.9.0.5", "--alias", "api", "--link", "db", "back", "web")

    assert engine.asked("POST /networks/back/connect")[0].json == {
        "Container": "web",
        "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.9.0.5"}, "Aliases": ["api"], "Links": ["db:db"]},
    }


def test_an_archive_is_sent_whole(engine: FakeEngine, tmp_path: Path) -> None:
    engine.on("POST /images/load", Answer(chunks=[b'{"stream":"Loaded image: busybox:latest\\n"}\n']))
    (tmp_path / "a.tar").write_bytes(b"tar" * 200_000)
    result = netwright(engine, "load", "-i", str(tmp_path / "a.tar"))

    assert result.out == "Loaded image: busybox:latest\n"
    assert engine.asked("POST /images/load")[0].body == b"tar" * 200_000


def test_an_import_carries_its_instructions(engine: FakeEngine, tmp_path: Path) -> None:
    engine.on("POST /images/create", Answer(chunks=[b'{"status":"sha256:abc"}\n']))
    (tmp_path / "a.tar").write_bytes(b"tar")
    result = netwright(engine, "import", "-c", 'CMD ["sh"]', "-m", "made", str(tmp_path / "a.tar"), "tiny:1")

    assert result.out == "sha256:abc\n"
    query = engine.asked("POST /images/create")[0].query
    assert query == {"fromSrc": "-", "repo": "tiny", "tag": "1", "message": "made", "changes": 'CMD ["sh"]'}


def test_a_file_that_is_not_there_is_said(engine: FakeEngine) -> None:
    result = netwright(engine, "load", "-i", "/none.tar")

    assert (result.code, result.err) == (1, "open /none.tar: No such file or directory\n")


def test_an_error_in_the_middle_of_a_pull_is_a_failure(engine: FakeEngine) -> None:
    lines = [b'{"status":"Pulling"}\n', b'{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n']
    engine.on("POST /images/create", Answer(chunks=lines))
    result = netwright(engine, "pull", "127.0.0.1:5000/x:1")

    assert (result.code, result.err) == (1, "Error response from daemon: manifest unknown\n")


def test_a_pull_of_all_tags_names_none(engine: FakeEngine) -> None:
    engine.on("POST /images/create", Answer(chunks=[b'{"status":"Pulling from x","id":"1"}\n']))

    assert netwright(engine, "pull", "-aq", "127.0.0.1:5000/x").lines == ["127.0.0.1:5000/x"]
    assert "tag" not in engine.asked("POST /images/create")[0].query
    assert netwright(engine, "pull", "-a", "x:1").code == 1


def test_a_pull_ends_with_the_whole_name(engine: FakeEngine) -> None:
    engine.on("POST /images/create", Answer(chunks=[b'{"status":"Status: Image is up to date"}\n']))

    assert netwright(engine, "pull", "busybox").lines == [
        "Using default tag: latest",
        "Status: Image is up to date",
        "docker.io/library/busybox:latest",
    ]
    assert netwright(engine, "pull", "-q", "busybox").lines == ["docker.io/library/busybox:latest"]


def test_removed_images_are_listed(engine: FakeEngine) -> None:
    engine.on("DELETE /images/b", Answer(json=[{"Untagged": "b:latest"}, {"Deleted": "sha256:abc"}]))

    assert netwright(engine, "rmi", "b").lines == ["Untagged: b:latest", "Deleted: sha256:abc"]


def test_prune_asks_first(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    engine.on("POST /containers/prune", Answer(json={"ContainersDeleted": ["abc"], "SpaceReclaimed": 1500}))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    result = netwright(engine, "container", "prune")

    assert "WARNING! This will remove all stopped containers." in result.out
    assert not engine.requests
    assert netwright(engine, "container", "prune", "-f").lines == [
        "Deleted Containers:", "abc", "", "Total reclaimed space: 1.5kB",
    ]  # fmt: skip


def test_system_prune_goes_through_all_kinds(engine: FakeEngine) -> None:
    for kind, key in (("containers", "Containers"), ("networks", "Networks"), ("images", "Images")):
        engine.on(f"POST /{kind}/prune", Answer(json={f"{key}Deleted": None, "SpaceReclaimed": 10}))
    result = netwright(engine, "system", "prune", "-af")

    assert result.lines == ["Total reclaimed space: 30B"]
    assert engine.asked("POST /images/prune")[0].query == {"filters": '{"dangling":["false"]}'}


def test_version_shows_this_side_even_without_the_other(tmp_path: Path) -> None:
    result = netwright(None, "-H", f"unix://{tmp_path}/none", "version")

    assert result.code == 1
    assert result.lines[0] == "Client: Netwright"
    assert "Is it running?" in result.err


def test_version_and_info_show_the_engine(engine: FakeEngine) -> None:
    engine.on("GET /version", Answer(json={"Version": "9.9", "ApiVersion": "1.51", "Os": "linux", "Arch": "amd64"}))
    engine.on("GET /info", Answer(json={"Containers": 3, "FirewallBackend": {"Driver": "nftables"}, "NCPU": 2}))

    assert netwright(engine, "version", "-f", "{{.Server.Version}}").out == "9.9\n"
    assert "  Version:         9.9" in netwright(engine, "version").lines
    lines = netwright(engine, "info").lines
    assert lines[0] == "Containers: 3"
    assert "Firewall Backend: nftables" in lines


def test_wait_prints_the_exit_code(engine: FakeEngine) -> None:
    engine.on("POST /containers/job/wait", Answer(json={"StatusCode": 3}))

    assert netwright(engine, "wait", "job").out == "3\n"
