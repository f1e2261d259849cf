"""The engine itself over HTTP."""

import pytest
from tests.unit.api.client import Http
from tests.unit.api.fakes import FakeEngine


async def test_a_ping_is_answered_with_what_clients_choose_their_version_by(http: Http) -> None:
    async with http.client.get("/_ping") as response:
        assert (response.status, await response.text()) == (200, "OK")
        assert response.headers["Api-Version"] == "1.52"
        assert response.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    async with http.client.head("/_ping") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Swarm"] == "inactive"


async def test_versions_are_told(http: Http) -> None:
    shown = await http.get("/version")

    assert (shown["ApiVersion"], shown["MinAPIVersion"], shown["Os"]) == ("1.52", "1.24", "linux")
    assert shown["Components"][0]["Details"]["MinAPIVersion"] == "1.24"


async def test_info_counts_what_there_is(http: Http) -> None:
    await http.run("sleep", name="a")
    await http.run("exit", "0", name="b")
    await http.call("POST", "/containers/b/wait")

    shown = await http.get("/info")

    assert (shown["Containers"], shown["ContainersRunning"], shown["ContainersStopped"]) == (2, 1, 1)
    assert (shown["Images"], shown["Labels"], shown["Runtimes"]) == (
        1,
        ["rack=7"],
        {"runc": {"path": "/usr/sbin/runc"}},
    )
    assert shown["Plugins"]["Network"] == ["bridge", "host", "null"]
    assert shown["FirewallBackend"] == {"Driver": "nftables"}
    assert shown["Swarm"]["LocalNodeState"] == "inactive"
    assert shown["MemTotal"] > 1 << 20
    assert shown["NCPU"] >= 1


@pytest.mark.parametrize(("minor", "bridge_nf", "firewall"), [(41, True, False), (49, True, True), (50, False, True)])
async def test_info_tells_each_version_what_it_knows(http: Http, minor: int, bridge_nf: bool, firewall: bool) -> None:
    shown = await http.get(f"/v1.{minor}/info")

    assert ("BridgeNfIptables" in shown, "BridgeNfIp6tables" in shown) == (bridge_nf, bridge_nf)
    assert ("FirewallBackend" in shown) is firewall


async def test_figures_are_offered_to_prometheus(engine: FakeEngine, http: Http) -> None:
    async with http.client.get("/metrics") as response:
        assert response.content_type == "text/plain"
        assert "netwright_build_info" in await response.text()
