import json
import time

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import netwright

NETWORKS = [
    {"Id": "a" * 64, "Name": "net10", "Driver": "bridge", "Scope": "local", "Labels": {"tier": "back", "x.y": "z"}},
    {"Id": "b" * 64, "Name": "net2", "Driver": "macvlan", "Scope": "local", "Internal": True, "EnableIPv6": True},
]


@pytest.fixture
def listing(engine: FakeEngine) -> FakeEngine:
    engine.on("GET /networks", Answer(json=NETWORKS))
    engine.on("GET /containers/json", Answer(json=[container("web"), container("db", Ports=[])]))
    return engine


def container(name: str, **more: object) -> dict[str, object]:
    ports = [
        {"IP": ip, "PrivatePort": port, "PublicPort": port + 8000, "Type": "tcp"}
        for port in (80, 81)
        for ip in ("0.0.0.0", "::")
    ]
    return {
        "Id": name[0] * 64,
        "Names": [f"/{name}", f"/other/{name}"],
        "Image": "busybox",
        "Command": "httpd -f -p 80 -h /a/long/path",
        "Created": int(time.time()) - 300,
        "State": "running",
        "Status": "Up 5 minutes",
        "Ports": [*ports, {"PrivatePort": 90, "Type": "udp"}],
        "Labels": {"a": "b"},
        "NetworkSettings": {"Networks": {"bridge": {}}},
        "Mounts": [{"Type": "volume", "Name": "data", "Driver": "local"}],
        **more,
    }


def test_networks_are_listed_as_docker_lists_them(listing: FakeEngine) -> None:
    assert netwright(listing, "network", "ls").lines == [
        "NETWORK ID     NAME      DRIVER    SCOPE",
        "bbbbbbbbbbbb   net2      macvlan   local",
        "aaaaaaaaaaaa   net10     bridge    local",
    ]


def test_containers_are_listed_as_docker_lists_them(listing: FakeEngine) -> None:
    heading, web, db = netwright(listing, "ps").lines

    assert heading.split() == "CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES".split()
    assert web.split("   ")[:2] == ["wwwwwwwwwwww", "busybox"]
    assert '"httpd -f -p 80 -h /…"   5 minutes ago   Up 5 minutes' in web
    assert "0.0.0.0:8080-8081->80-81/tcp, [::]:8080-8081->80-81/tcp, 90/udp" in web
    assert web.endswith("web")
    assert db.endswith("db")


def test_a_table_is_cut_to_the_terminal_but_ids_and_names_stay_whole(
    listing: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    lines = netwright(listing, "ps", terminal=True).lines

    assert max(map(len, lines)) <= 110
    assert lines[1].startswith("wwwwwwwwwwww ")
    assert lines[1].endswith("web")
    assert "…" in lines[1]


def test_quiet_prints_short_ids_and_no_trunc_long_ones(listing: FakeEngine) -> None:
    assert netwright(listing, "network", "ls", "-q").lines == ["b" * 12, "a" * 12]
    assert netwright(listing, "network", "ls", "-q", "--no-trunc").lines == ["b" * 64, "a" * 64]


def test_json_is_the_engines_document(listing: FakeEngine) -> None:
    assert json.loads(netwright(listing, "network", "ls", "--json").out) == [NETWORKS[1], NETWORKS[0]]


def test_the_format_json_is_a_line_of_texts_for_each(listing: FakeEngine) -> None:
    first, _ = [json.loads(line) for line in netwright(listing, "network", "ls", "--format", "json").lines]

    assert first["Name"] == "net2"
    assert first["Internal"] == "true"
    assert first["Labels"] == ""


def test_a_template_is_filled_for_each(listing: FakeEngine) -> None:
    result = netwright(listing, "network", "ls", "--format", '{{.Name}}\\t{{.Label "tier"}}')

    assert result.lines == ["net2\t", "net10\tback"]


def test_a_table_by_template_has_headings(listing: FakeEngine) -> None:
    result = netwright(listing, "ps", "--format", 'table {{.Names}}\\t{{.RunningFor}}\\t{{.Label "com.my-key"}}')

    assert result.lines == ["NAMES     CREATED         my key", "web       5 minutes ago", "db        5 minutes ago"]


def test_a_field_that_does_not_exist_is_named_with_the_nearest(listing: FakeEngine) -> None:
    result = netwright(listing, "ps", "--format", "{{.Name}}")

    assert result.code == 1
    assert 'map has no entry for key "Name" (did you mean .Names?)' in result.err


def test_filters_are_sent_as_the_api_wants_them(listing: FakeEngine) -> None:
    netwright(listing, "ps", "-a", "-f", "name=web", "--filter", "status=exited", "-f", "name=db", "-n", "3")

    query = listing.asked("GET /containers/json")[0].query
    assert json.loads(query["filters"]) == {"name": ["web", "db"], "status": ["exited"]}
    assert (query["all"], query["limit"]) == ("1", "3")


def test_a_filter_without_a_value_is_refused(listing: FakeEngine) -> None:
    assert netwright(listing, "ps", "-f", "name").code == 125


def test_an_image_has_a_row_for_each_name(engine: FakeEngine) -> None:
    image = {
        "Id": "sha256:" + "c" * 64,
        "RepoTags": ["busybox:1.36", "127.0.0.1:5000/b:latest"],
        "RepoDigests": ["busybox@sha256:dd"],
        "Created": int(time.time()) - 2 * 86400,
        "Size": 4_261_550,
    }
    engine.on("GET /images/json", Answer(json=[image, {**image, "Id": "sha256:" + "d" * 64, "RepoTags": []}]))

    assert netwright(engine, "images").lines == [
        "REPOSITORY         TAG       IMAGE ID       CREATED      SIZE",
        "busybox            1.36      cccccccccccc   2 days ago   4.26MB",
        "127.0.0.1:5000/b   latest    cccccccccccc   2 days ago   4.26MB",
        "<none>             <none>    dddddddddddd   2 days ago   4.26MB",
    ]
    assert netwright(engine, "images", "-q").lines == ["c" * 12, "d" * 12]


def test_volumes_are_listed_by_name(engine: FakeEngine) -> None:
    volumes = [{"Name": name, "Driver": "local"} for name in ("b", "a")]
    engine.on("GET /volumes", Answer(json={"Volumes": volumes, "Warnings": None}))

    assert netwright(engine, "volume", "ls").lines == ["DRIVER    VOLUME NAME", "local     a", "local     b"]
    assert netwright(engine, "volume", "ls", "-q").lines == ["a", "b"]


def test_published_ports_are_listed_by_number(engine: FakeEngine) -> None:
    ports = {
        "443/tcp": [{"HostIp": "::1", "HostPort": "8443"}],
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
        "90/udp": None,
    }
    engine.on("GET /containers/web/json", Answer(json={"NetworkSettings": {"Ports": ports}}))

    assert netwright(engine, "port", "web").lines == ["80/tcp -> 0.0.0.0:8080", "443/tcp -> [::1]:8443"]
    assert netwright(engine, "port", "web", "80").lines == ["0.0.0.0:8080"]
    missing = netwright(engine, "port", "web", "81")
    assert (missing.code, missing.err) == (1, "Error: No public port '81' published for web\n")
