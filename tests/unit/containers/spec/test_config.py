from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from netwright.containers.spec.config import MASKED, Surroundings, config
from netwright.containers.spec.resources import DeviceNode, check_limits
from netwright.containers.spec.seccomp import Machine, profile
from netwright.containers.spec.user import User
from netwright.errors import InvalidInput, SystemFailure
from netwright.model.container import (
    Container,
    ContainerConfig,
    HostSettings,
    Limits,
    MountPoint,
    Process,
    Ulimit,
)
from netwright.model.names import Id

NULL = DeviceNode(path="/dev/fuse", mode=0o020666, major=10, minor=229, permissions="rw")


def built(host: HostSettings | None = None, **around: Any) -> Any:
    """Return a configuration as the runtime reads it."""
    container = Container(
        id=Id("a" * 64),
        name="box",
        created=datetime.now(UTC),
        config=ContainerConfig(image="x", domainname="example.org"),
        host=host or HostSettings(),
        image="sha256:1",
        process=Process(arguments=("sh",), environment=("A=1",), tty=True),
        sandbox=Id("b" * 64),
        hostname="there",
        mounts=(MountPoint(type="bind", source="/h", target="/etc/hosts"),),
    )
    given: dict[str, Any] = {"root": "/r", "netns": "/n", "own_stack": True, "user": User(1, 2, (3,)), **around}
    return msgspec.json.decode(msgspec.json.encode(config(container, Surroundings(**given))))


def spaces(document: Any) -> dict[str, str]:
    return {space["type"]: space.get("path", "") for space in document["linux"]["namespaces"]}


def mount(document: Any, target: str) -> Any:
    return next((mount for mount in document["mounts"] if mount["destination"] == target), None)


def test_a_container_has_its_own_namespaces_and_the_engines_network() -> None:
    assert spaces(built()) == {"mount": "", "network": "/n", "uts": "", "pid": "", "ipc": ""}
    assert "cgroup" in spaces(built(cgroup_v2=True))


def test_what_is_the_hosts_is_not_listed() -> None:
    document = built(HostSettings(pid_mode="host", ipc_mode="host", uts_mode="host"), netns=None, own_stack=False)
    assert spaces(document) == {"mount": ""}
    assert "hostname" not in document
    assert document["linux"]["sysctl"] == {}
    assert mount(document, "/dev/shm")["source"] == "/dev/shm"


def test_an_own_stack_lets_anybody_listen_on_low_ports_and_ping() -> None:
    assert built(HostSettings(sysctls={"net.ipv4.ip_forward": "0"}))["linux"]["sysctl"] == {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
        "kernel.domainname": "example.org",
        "net.ipv4.ip_forward": "0",
    }


def test_the_engines_files_give_way_to_the_users() -> None:
    document = built(files={"/etc/hosts": "/engine/hosts", "/etc/hostname": "/engine/hostname"})
    assert mount(document, "/etc/hosts")["source"] == "/h"
    assert mount(document, "/etc/hostname")["source"] == "/engine/hostname"


def test_a_privileged_container_is_neither_masked_nor_filtered() -> None:
    machine = Machine(architecture="x86_64", kernel=(6, 1))
    plain = built(seccomp=b'{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}', machine=machine)
    assert plain["linux"]["maskedPaths"] == list(MASKED)
    assert plain["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    free = built(HostSettings(privileged=True), seccomp=b"{}", machine=machine)["linux"]
    assert not {"maskedPaths", "readonlyPaths", "seccomp"} & set(free)
    assert free["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "rw" in mount(built(HostSettings(privileged=True)), "/sys")["options"]


def test_a_device_is_made_and_allowed() -> None:
    document = built(devices=(NULL,))["linux"]
    assert document["devices"][0]["path"] == "/dev/fuse"
    assert document["resources"]["devices"][-1] == {
        "allow": True,
        "type": "c",
        "major": 10,
        "minor": 229,
        "access": "rw",
    }


def test_limits_are_computed_as_in_docker() -> None:
    limits = Limits(memory=10 << 20, nano_cpus=1_500_000_000, pids=9, cpu_shares=512)
    found = built(HostSettings(limits=limits), swap_limits=True)["linux"]["resources"]
    assert found["memory"] == {"limit": 10 << 20, "swap": 20 << 20}
    assert found["cpu"] == {"shares": 512, "period": 100_000, "quota": 150_000}
    assert found["pids"] == {"limit": 9}
    assert built(HostSettings(limits=limits))["linux"]["resources"]["memory"] == {"limit": 10 << 20}


@pytest.mark.parametrize(
    "limits",
    [Limits(memory=1), Limits(memory_swap=9), Limits(memory=10 << 20, memory_swap=1), Limits(nano_cpus=1, cpu_quota=1)],
)
def test_limits_that_cannot_be_meant_are_refused(limits: Limits) -> None:
    with pytest.raises(InvalidInput):
        check_limits(limits, (0, 1))


def test_the_process_is_as_asked() -> None:
    host = HostSettings(
        ulimits=(Ulimit(name="core", soft=-1, hard=-1),),
        security_options=("no-new-privileges",),
        console=(24, 80),
        shm_size=1024,
    )
    document = built(host)
    process = document["process"]
    assert process["user"] == {"uid": 1, "gid": 2, "additionalGids": [3]}
    assert process["rlimits"] == [{"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1}]
    assert process["noNewPrivileges"] is True
    assert process["consoleSize"] == {"height": 24, "width": 80}
    assert "size=1024" in mount(document, "/dev/shm")["options"]
    assert document["linux"]["cgroupsPath"] == "/netwright/" + "a" * 64


PROFILE = b"""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
 "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
 "syscalls": [
  {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
  {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {"caps": ["CAP_SYS_ADMIN"]}, "excludes": {}},
  {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
  {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
  {"names": ["arm_only"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}}]}"""


def test_the_conditions_of_a_seccomp_profile_are_decided() -> None:
    machine = Machine(architecture="x86_64", kernel=(4, 7))
    plain: Any = profile(PROFILE, machine, frozenset())
    assert plain["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert [(rule["names"], rule["action"]) for rule in plain["syscalls"]] == [
        (["read"], "SCMP_ACT_ALLOW"),
        (["mount"], "SCMP_ACT_ERRNO"),
    ]
    admin: Any = profile(PROFILE, Machine(architecture="x86_64", kernel=(6, 1)), frozenset({"CAP_SYS_ADMIN"}))
    assert [rule["names"][0] for rule in admin["syscalls"]] == ["read", "mount", "ptrace"]
    with pytest.raises(SystemFailure):
        profile(b"{", machine, frozenset())
