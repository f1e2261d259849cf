from pathlib import Path
from typing import Any

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine
from tests.unit.frontends.cli.shell import Result, netwright

ID = "a1" * 32


@pytest.fixture
def maker(engine: FakeEngine) -> FakeEngine:
    engine.on("POST /containers/create", Answer(201, json={"Id": ID, "Warnings": []}))
    return engine


def created(maker: FakeEngine, *words: str) -> Any:
    """Create a container and return the body of the request."""
    result = netwright(maker, "create", *words)

    assert (result.code, result.lines) == (0, [ID]), result.err
    return maker.asked("POST /containers/create")[-1].json


def refused(maker: FakeEngine, *words: str) -> Result:
    result = netwright(maker, "create", *words)

    assert not maker.asked("POST /containers/create")
    return result


def test_what_was_not_said_is_left_out(maker: FakeEngine) -> None:
    assert created(maker, "busybox") == {
        "Image": "busybox",
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "NetworkMode": "default"},
        "NetworkingConfig": {"EndpointsConfig": {}},
    }


def test_what_stands_behind_the_image_is_the_command(maker: FakeEngine) -> None:
    assert created(maker, "--name", "web", "busybox", "ls", "-l", "--name")["Cmd"] == ["ls", "-l", "--name"]
    assert maker.requests[-1].query == {"name": "web"}


def test_published_ports_are_exposed_too(maker: FakeEngine) -> None:
    body = created(maker, "-p", "8080:80", "-p", "[::1]:8080:80", "--expose", "53/udp", "-P", "b")

    assert body["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "8080"}]
    }
    assert body["ExposedPorts"] == {"53/udp": {}, "80/tcp": {}}
    assert body["HostConfig"]["PublishAllPorts"] is True


def test_flags_about_the_network_belong_to_the_first_one(maker: FakeEngine) -> None:
    body = created(
        maker, "--network", "back", "--network", "name=front,gw-priority=2,driver-opt=a=b",
        "--ip", "10.0.0.5", "--network-alias", "db", "--link", "c", "b",
    )  # fmt: skip

    assert body["HostConfig"]["NetworkMode"] == "back"
    assert body["NetworkingConfig"]["EndpointsConfig"] == {
        "back": {"IPAMConfig": {"IPv4Address": "10.0.0.5"}, "Aliases": ["db"], "Links": ["c:c"]},
        "front": {"GwPriority": 2, "DriverOpts": {"a": "b"}},
    }


def test_an_address_without_a_network_is_for_the_default_one(maker: FakeEngine) -> None:
    body = created(maker, "--mac-address", "02:42:ac:11:00:05", "b")

    assert body["NetworkingConfig"]["EndpointsConfig"] == {"default": {"MacAddress": "02:42:ac:11:00:05"}}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--network", "a", "--network", "a"], 'network "a" is specified multiple times'),
        (
            ["--network", "a", "--network", "host"],
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
        ),
        (
            ["--network", "name=a,ip=10.0.0.1", "--ip", "10.0.0.2"],
            "conflicting options: cannot specify both --ip and per-network IPv4 address",
        ),
        (["--network-alias", "x"], "network-scoped aliases are only supported for user-defined networks"),
        (["--mac-address", "zz"], "zz is not a valid mac address"),
        (["--network="], "no name set for network"),
        (["--restart", "always", "--rm"], "conflicting options: cannot specify both --restart and --rm"),
        (["-p", "99999:80"], "invalid hostPort: 99999"),
    ],
)
def test_a_contradiction_is_refused_before_the_engine_is_asked(
    maker: FakeEngine, words: list[str], reason: str
) -> None:
    result = refused(maker, *words, "b")

    assert result.code == 125
    assert result.err.splitlines()[0] == f"netwright: {reason}"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--network", "name=a,foo=x"], 'invalid argument "name=a,foo=x" for "--network" flag: invalid field key foo'),
        (["--add-host", "x"], 'invalid argument "x" for "--add-host" flag: bad format for add-host: "x"'),
        (["-m", "12q"], 'invalid argument "12q" for "-m, --memory" flag: invalid suffix: \'q\''),
        (["--cpus", "x"], 'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number'),
        (["--mount", "src=/a"], 'invalid argument "src=/a" for "--mount" flag: target is required'),
    ],
)
def test_a_value_that_cannot_be_read_shows_the_usage(maker: FakeEngine, words: list[str], reason: str) -> None:
    result = refused(maker, *words, "b")

    assert result.code == 125
    assert result.err.splitlines()[0] == reason
    assert "Usage:  netwright create [OPTIONS] IMAGE [COMMAND] [ARG...]" in result.err


def test_variables_come_from_files_flags_and_the_caller(
    maker: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "1")
    monkeypatch.delenv("NOT_HERE", raising=False)
    (tmp_path / "env").write_text("# comment\n\nA=from file\nHERE\nNOT_HERE\n")

    body = created(maker, "-e", "B=2", "-e", "HERE", "-e", "NOT_HERE", "--env-file", str(tmp_path / "env"), "b")
    assert body["Env"] == ["A=from file", "HERE=1", "B=2", "HERE=1", "NOT_HERE"]


def test_volumes_are_told_from_paths(maker: FakeEngine) -> None:
    body = created(
        maker, "-v", "/a:/b:ro", "-v", "data:/c", "-v", "/anonymous", "-v", "./here:/d", "--tmpfs", "/t:size=1m", "b"
    )

    assert body["HostConfig"]["Binds"] == ["/a:/b:ro", "data:/c", f"{Path.cwd()}/here:/d"]
    assert body["Volumes"] == {"/anonymous": {}}
    assert body["HostConfig"]["Tmpfs"] == {"/t": "size=1m"}


def test_mounts_are_read_field_by_field(maker: FakeEngine) -> None:
    body = created(
        maker, "--mount", "type=bind,src=/a,dst=/b,readonly", "--mount", "target=/t,type=tmpfs,tmpfs-size=1m", "b"
    )

    assert body["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True},
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 2**20}},
    ]


def test_limits_are_turned_into_numbers(maker: FakeEngine) -> None:
    host = created(
        maker, "-m", "64m", "--memory-swap", "-1", "--cpus", "1.5", "--pids-limit", "-1", "--ulimit", "nofile=1:2", "b"
    )["HostConfig"]

    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (2**26, -1, 1_500_000_000, -1)
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]


def test_capabilities_are_sent_in_the_kernels_spelling(maker: FakeEngine) -> None:
    host = created(maker, "--cap-add", "net_admin", "--cap-add", "CAP_CHOWN", "--cap-drop", "all", "b")["HostConfig"]

    assert (host["CapAdd"], host["CapDrop"]) == (["CAP_NET_ADMIN", "CAP_CHOWN"], ["ALL"])


def test_names_and_hosts_go_to_their_places(maker: FakeEngine) -> None:
    body = created(
        maker, "-h", "h", "--add-host", "a=[::1]", "--add-host", "gw:host-gateway", "--dns", "1.1.1.1",
        "--dns-opt", "ndots:2", "--dns-search", ".", "--sysctl", "net.a=1", "--label", "x", "-l", "y=z", "b",
    )  # fmt: skip
    host = body["HostConfig"]

    assert body["Hostname"] == "h"
    assert host["ExtraHosts"] == ["a:::1", "gw:host-gateway"]
    assert (host["Dns"], host["DnsOptions"], host["DnsSearch"]) == (["1.1.1.1"], ["ndots:2"], ["."])
    assert host["Sysctls"] == {"net.a": "1"}
    assert body["Labels"] == {"x": "", "y": "z"}


def test_an_empty_entrypoint_takes_the_images_away(maker: FakeEngine) -> None:
    assert created(maker, "--entrypoint", "", "b")["Entrypoint"] == [""]


def test_a_terminal_and_input_are_asked_for_together(maker: FakeEngine) -> None:
    body = created(maker, "-it", "b")

    assert {key for key, value in body.items() if value is True} == {
        "Tty", "OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr",
    }  # fmt: skip


def test_the_id_is_written_to_a_file_that_must_be_new(maker: FakeEngine, tmp_path: Path) -> None:
    created(maker, "--cidfile", str(tmp_path / "cid"), "b")

    assert (tmp_path / "cid").read_text() == ID
    assert netwright(maker, "create", "--cidfile", str(tmp_path / "cid"), "b").code == 1
