"""What the kernel shows of links that no question of a host tells of."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.contract.scene import BRIDGE, pair
from tests.kernel.firewall_lab import namespace

from netwright.host.ops import CreateNamespace, JoinBridge
from netwright.kernel.linux import LinuxHost

pytestmark = pytest.mark.kernel


async def test_a_bridge_keeps_no_account_of_groups(tmp_path: Path) -> None:
    with namespace():
        host = LinuxHost(exec_root=str(tmp_path), group=7)
        try:
            await host.do([BRIDGE])
            assert shown("br0")["linkinfo"]["info_data"]["mcast_snooping"] == 0
        finally:
            host.close()


async def test_a_port_may_answer_where_it_was_asked_and_is_quiet_itself(tmp_path: Path) -> None:
    inside = f"{tmp_path}/netns/one"
    with namespace():
        host = LinuxHost(exec_root=str(tmp_path), group=7)
        try:
            await host.do([CreateNamespace(path=inside), BRIDGE, pair(inside)])
            assert port_of("veth1") == (True, "none")
            take_off("veth1")
            await host.do([JoinBridge(name="veth1", bridge="br0", hairpin=False)])
            assert port_of("veth1") == (False, "none")
            await host.do([inverse for op in (pair(inside), CreateNamespace(path=inside)) if (inverse := op.inverse())])
        finally:
            host.close()


def take_off(name: str) -> None:
    """Take a link off its bridge, and let the kernel make its IPv6 address."""
    subprocess.run(["ip", "link", "set", name, "nomaster", "addrgenmode", "eui64"], check=True)


def port_of(name: str) -> tuple[bool, str]:
    """Return whether a port is in hairpin mode, and how the kernel makes its IPv6 address."""
    link = shown(name)
    return link["linkinfo"]["info_slave_data"]["hairpin"], link["inet6_addr_gen_mode"]


def shown(name: str) -> dict[str, Any]:
    """Return what iproute2 shows of a link."""
    listed = subprocess.run(["ip", "-d", "-j", "link", "show", name], capture_output=True, check=True).stdout
    link: dict[str, Any] = json.loads(listed)[0]
    return link
