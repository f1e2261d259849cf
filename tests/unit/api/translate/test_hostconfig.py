"""HostConfig there and back."""

import msgspec
import pytest

from netwright.api.translate.hostconfig import read_host_config, show_host_config
from netwright.api.wire.containers import HostConfig
from netwright.api.wire.shape import decode
from netwright.errors import InvalidInput, NotBuilt

EVERYTHING = {
    "Binds": ["/a:/b:ro", "vol:/c"],
    "NetworkMode": "mine",
    "PortBindings": {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "", "HostPort": ""}],
    },
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    "AutoRemove": False,
    "VolumesFrom": ["other:ro"],
    "ConsoleSize": [24, 80],
    "CapAdd": ["NET_ADMIN"],
    "CapDrop": ["ALL"],
    "Dns": ["192.0.2.53"],
    "DnsOptions": ["ndots:2"],
    "DnsSearch": ["example.org"],
    "ExtraHosts": ["a:192.0.2.1", "gw:host-gateway"],
    "GroupAdd": ["audio"],
    "IpcMode": "host",
    "Links": ["db:database"],
    "OomScoreAdj": 100,
    "PidMode": "host",
    "Privileged": True,
    "PublishAllPorts": True,
    "ReadonlyRootfs": True,
    "SecurityOpt": ["no-new-privileges"],
    "Tmpfs": {"/run": "size=1m"},
    "UTSMode": "host",
    "ShmSize": 1 << 20,
    "Sysctls": {"net.core.somaxconn": "1024"},
    "Runtime": "crun",
    "CpuShares": 512,
    "Memory": 64 << 20,
    "NanoCpus": 1_500_000_000,
    "CgroupParent": "/mine",
    "CpuPeriod": 100_000,
    "CpuQuota": 50_000,
    "CpusetCpus": "0-1",
    "CpusetMems": "0",
    "Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rw"}],
    "MemoryReservation": 32 << 20,
    "MemorySwap": 128 << 20,
    "PidsLimit": 100,
    "Ulimits": [{"Name": "nofile", "Hard": 2048, "Soft": 1024}],
    "Mounts": [
        {"Type": "bind", "Source": "/a", "Target": "/m1", "BindOptions": {"Propagation": "rslave"}},
        {"Type": "volume", "Source": "v", "Target": "/m2", "ReadOnly": True, "VolumeOptions": {"NoCopy": True}},
        {"Type": "tmpfs", "Target": "/m3", "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 448}},
    ],
    "Init": True,
    "ContainerIDFile": "/tmp/cid",
}


def shown_of(given: dict[str, object]) -> dict[str, object]:
    """Return what is shown of host settings that are asked for."""
    settings = read_host_config(decode(HostConfig, msgspec.json.encode(given)))
    shown: dict[str, object] = msgspec.to_builtins(show_host_config(settings, "runc"))
    return shown


def test_all_that_is_asked_for_is_shown_again() -> None:
    shown = shown_of(EVERYTHING)

    assert {key: shown[key] for key in EVERYTHING} == EVERYTHING


def test_a_wish_for_nothing_shows_dockers_defaults() -> None:
    shown = shown_of({})

    assert shown["NetworkMode"] == "bridge"
    assert shown["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert shown["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert shown["IpcMode"] == "private"
    assert shown["ShmSize"] == 64 << 20
    assert shown["Runtime"] == "runc"
    assert shown["PidsLimit"] is None
    assert "/proc/kcore" in msgspec.convert(shown["MaskedPaths"], list[str])
    assert "/proc/sys" in msgspec.convert(shown["ReadonlyPaths"], list[str])
    for absent in ("Tmpfs", "Sysctls", "Mounts", "Init", "StorageOpt"):
        assert absent not in shown


def test_a_privileged_container_has_nothing_masked() -> None:
    shown = shown_of({"Privileged": True})

    assert shown["MaskedPaths"] is None
    assert shown["ReadonlyPaths"] is None


@pytest.mark.parametrize(
    "wish",
    [
        {"LogConfig": {"Type": "syslog"}},
        {"VolumeDriver": "nfs"},
        {"CgroupnsMode": "host"},
        {"UsernsMode": "private"},
        {"Isolation": "hyperv"},
        {"DeviceRequests": [{"Driver": "nvidia", "Count": -1}]},
        {"DeviceCgroupRules": ["c 42:* rmw"]},
        {"StorageOpt": {"size": "1G"}},
        {"CpuRealtimeRuntime": 1},
        {"OomKillDisable": True},
        {"BlkioWeight": 300},
        {"BlkioDeviceReadIOps": [{"Path": "/dev/sda", "Rate": 10}]},
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_what_cannot_be_had_is_refused_and_not_ignored(wish: dict[str, object]) -> None:
    with pytest.raises(NotBuilt, match=r"not supported$"):
        shown_of(wish)


def test_what_older_clients_send_without_a_wish_is_no_wish() -> None:
    shown_of(
        {
            "LogConfig": {"Type": "", "Config": {}},
            "MemorySwappiness": -1,
            "OomKillDisable": False,
            "BlkioWeight": 0,
            "BlkioDeviceReadBps": None,
            "DeviceRequests": [],
            "Isolation": "",
            "VolumeDriver": "",
            "UsernsMode": "",
        }
    )


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"RestartPolicy": {"Name": "sometimes"}}, "invalid restart policy: unknown policy 'sometimes'"),
        ({"Mounts": [{"Type": "nfs", "Target": "/a"}]}, 'invalid mount config for type "nfs": mount type unknown'),
        ({"Mounts": [{"Type": "bind", "Source": "/a"}]}, "field Target must not be empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(wish: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        shown_of(wish)

    assert words in str(refused.value)
