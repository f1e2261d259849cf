"""The daemon's life: options, restarts, kills, neighbours on the same machine, and leaving without a trace."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BACKENDS, IMAGE, footprint, left
from machine import HOST4, NETWRIGHT, Engine, Machine, processes_naming


@pytest.fixture(params=BACKENDS)
def fresh(request: pytest.FixtureRequest, machine: Machine, tmp_path: Path, image_tar: Path) -> Iterator[Engine]:
    """Start an engine of its own for a test that stops or kills it."""
    engine = Engine(machine, tmp_path, f"--firewall-backend={request.param}")
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        yield engine
    finally:
        engine.close()


def fetch(engine: Engine, port: int = 8080) -> str:
    """Return what a web server behind a published port answers to the neighbour."""
    patience = ("--retry", "8", "--retry-connrefused", "--retry-delay", "0", "--retry-max-time", "1", "-m", "3")
    return engine.machine.outside.run("curl", "-sS", *patience, f"http://{HOST4}:{port}/", check=False).stdout


def serve(engine: Engine, name: str, *flags: str) -> None:
    """Start a web server."""
    engine.docker("run", "-d", "--name", name, *flags, IMAGE, "httpd", "-f", "-h", "/www")


def state(engine: Engine, name: str) -> dict[str, object]:
    """Return the state that inspect shows."""
    return dict(json.loads(engine.docker("inspect", name).stdout)[0]["State"])


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_containers_live_on_without_the_engine_and_are_taken_up_again(fresh: Engine, end: str) -> None:
    serve(fresh, "web", "-p", "8080:80")
    before = state(fresh, "web")

    if end == "stop":
        assert fresh.stop() == 0
    else:
        fresh.kill()
    while_down = fetch(fresh)
    fresh.start()
    after = state(fresh, "web")
    fresh.docker("stop", "-t", "0", "web")

    assert while_down == "hello\n"
    assert (after["Pid"], after["StartedAt"]) == (before["Pid"], before["StartedAt"])
    assert state(fresh, "web")["ExitCode"] == 137


def test_an_exit_without_the_engine_is_known_afterwards(fresh: Engine) -> None:
    script = "until [ -e /tmp/end ]; do sleep 0.1; done; echo last; exit 5"
    shared = fresh.folder / "shared"
    shared.mkdir()
    fresh.docker("run", "-d", "--name", "ends", "-v", f"{shared}:/tmp", IMAGE, "sh", "-c", script)
    pid = state(fresh, "ends")["Pid"]
    assert isinstance(pid, int)

    fresh.kill()
    (shared / "end").touch()
    fresh.machine.host.run("tail", f"--pid={pid}", "-f", "/dev/null")
    fresh.start()
    fresh.docker("wait", "ends")

    assert state(fresh, "ends")["ExitCode"] == 5
    assert fresh.docker("logs", "ends").stdout == "last\n"


def test_a_kill_during_docker_run_leaks_nothing_and_others_keep_serving(fresh: Engine) -> None:
    serve(fresh, "steady", "-p", "8080:80")
    before = footprint(fresh)

    for round_number in range(8):
        runs = [
            subprocess.Popen(
                fresh.machine.host.enter(
                    "docker", "-H", f"unix://{fresh.socket}", "run", "--rm", "-p", str(9000 + number), IMAGE, "true"
                ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for number in range(2)
        ]
        # A different moment of the start each time: the delay is what is being varied, nothing is waited for.
        with_delay = subprocess.run(["sleep", str(0.02 + round_number * 0.015)], check=False)
        fresh.kill()
        for process in runs:
            process.kill()
            process.wait(10)
        assert with_delay.returncode == 0
        assert fetch(fresh) == "hello\n"
        fresh.start()
    _, listed = fresh.call("GET", "/containers/json?all=1")
    assert isinstance(listed, list)
    for container in listed:
        if "/steady" not in container["Names"]:
            fresh.remove_container(container["Id"])

    assert left(fresh, before) == {}
    assert fetch(fresh) == "hello\n"


def test_after_a_restart_of_the_machine_containers_come_back_as_they_were(
    machine: Machine, tmp_path: Path, image_tar: Path
) -> None:
    engine = Engine(machine, tmp_path)
    engine.start()
    engine.docker("import", str(image_tar), IMAGE)
    serve(engine, "web", "-p", "8080:80", "--restart", "always")
    address = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}}"
    before = engine.docker("inspect", "-f", address, "web").stdout
    engine.kill()
    for pid in processes_naming(str(tmp_path)):
        machine.host.run("kill", "-9", str(pid), check=False)
    machine.host.run("sh", "-c", f"umount -l {engine.exec_root}/netns/* {engine.data_root}/containers/*/rootfs; true")
    machine.host.run("rm", "-rf", str(engine.exec_root))
    machine.host.run(
        "sh", "-c", "nft flush ruleset; for l in $(ls /sys/class/net); do ip link del $l; done; true", check=False
    )

    rebooted = Machine(tmp_path)
    again = Engine(rebooted, tmp_path)
    try:
        again.start()
        # The policy starts it in the background; the test's own time limit bounds the wait.
        while state(again, "web")["Status"] != "running":  # one that restarts counts as running too
            pass

        assert again.docker("inspect", "-f", address, "web").stdout == before
        assert fetch(again) == "hello\n"
    finally:
        again.close()
        rebooted.close()


def test_a_second_engine_on_the_same_data_root_is_refused_by_name_of_the_first(fresh: Engine) -> None:
    assert fresh.process is not None

    done = fresh.machine.host.run(*fresh.command(), check=False)

    assert done.returncode == 1
    assert str(fresh.process.pid) in done.stderr
    assert "running engine" in done.stderr


def test_a_docker0_of_somebody_else_is_not_taken_over(machine: Machine, tmp_path: Path) -> None:
    machine.host.run("ip", "link", "add", "docker0", "type", "bridge")
    engine = Engine(machine, tmp_path)

    done = machine.host.run(*engine.command(), check=False)

    assert done.returncode == 1
    assert "--bridge" in done.stderr
    assert "docker0" in machine.host.run("ip", "link", "show", "docker0").stdout


def test_a_bridge_of_the_admins_is_used_and_left_standing(machine: Machine, tmp_path: Path, image_tar: Path) -> None:
    machine.host.run("ip", "link", "add", "mine", "type", "bridge")
    machine.host.run("ip", "addr", "add", "10.70.0.1/24", "dev", "mine")
    engine = Engine(machine, tmp_path, "--bridge=mine")
    engine.start()
    engine.docker("import", str(image_tar), IMAGE)

    said = engine.docker("run", "--rm", IMAGE, "ip", "route").stdout
    engine.stop()
    gone = machine.host.run(*engine.command(), "--uninstall", check=False)

    assert "default via 10.70.0.1" in said
    assert gone.returncode == 0, gone.stderr
    assert "10.70.0.1/24" in machine.host.run("ip", "addr", "show", "mine").stdout


def test_two_engines_live_side_by_side(machine: Machine, tmp_path: Path, image_tar: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    machine.host.run("ip", "link", "add", "second", "type", "bridge")
    machine.host.run("ip", "addr", "add", "10.70.0.1/24", "dev", "second")
    first, second = Engine(machine, folders[0]), Engine(machine, folders[1], "--bridge=second")
    try:
        for engine in (first, second):
            engine.start()
            engine.docker("import", str(image_tar), IMAGE)
        serve(first, "web", "-p", "8080:80")
        serve(second, "web", "-p", "8081:80")
        second.kill()
        second.start()

        assert (fetch(first, 8080), fetch(second, 8081)) == ("hello\n", "hello\n")
    finally:
        second.close()
        first.close()


def test_options_of_the_default_bridge_are_obeyed(machine: Machine, tmp_path: Path, image_tar: Path) -> None:
    flags = ["--bip=10.66.0.1/24", "--fixed-cidr=10.66.0.128/25", "--mtu=1400", "--ip=127.0.0.1", "--dns=192.0.2.53"]
    engine = Engine(machine, tmp_path, *flags)
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        said = engine.docker(
            "run", "--rm", IMAGE, "sh", "-c", "ip -o addr; ip -o link; ip route; cat /etc/resolv.conf"
        ).stdout
        serve(engine, "web", "-p", "8080:80")

        assert "inet 10.66.0.128/24" in said
        assert "mtu 1400" in said
        assert "default via 10.66.0.1" in said
        assert "nameserver 192.0.2.53" in said
        assert fetch(engine) == ""
        assert machine.host.run("curl", "-sS", "http://127.0.0.1:8080/").stdout == "hello\n"
    finally:
        engine.close()


def test_icc_false_keeps_neighbours_on_the_default_bridge_apart(
    machine: Machine, tmp_path: Path, image_tar: Path
) -> None:
    engine = Engine(machine, tmp_path, "--icc=false")
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        serve(engine, "web")
        address = engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web").stdout.strip()

        script = f"nc -w 1 {address} 80 </dev/null && echo reached"
        done = engine.docker("run", "--rm", IMAGE, "sh", "-c", script, check=False)

        assert "reached" not in done.stdout
    finally:
        engine.close()


def test_uninstalling_leaves_the_machine_as_it_was(machine: Machine, tmp_path: Path, image_tar: Path) -> None:
    def looks() -> list[str]:
        commands = ("ip -br addr", "ip route", "nft list tables", "iptables-save", "cat /proc/sys/net/ipv4/ip_forward")
        said = [machine.host.run("sh", "-c", command).stdout for command in commands]
        return ["\n".join(line for line in text.splitlines() if line[:1] not in {"#", ":", "*"}) for text in said]

    machine.host.run("iptables-save")
    machine.host.run("ip6tables-save")
    machine.host.run("iptables", "-A", "FORWARD", "-j", "ACCEPT")
    machine.host.run("ip6tables", "-A", "FORWARD", "-j", "ACCEPT")
    before = looks()
    engine = Engine(machine, tmp_path)
    engine.start()
    engine.docker("import", str(image_tar), IMAGE)
    engine.docker("network", "create", "one")
    serve(engine, "web", "-p", "8080:80", "--network", "one")
    engine.stop()

    done = machine.host.run(*engine.command(), "--uninstall", check=False)

    assert done.returncode == 0, done.stderr
    after = looks()
    assert after[0] == before[0]
    assert after == before
    assert not engine.data_root.exists()
    assert not engine.exec_root.exists()
    assert not processes_naming(str(engine.exec_root))


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--no-such-flag"], "unknown flag: --no-such-flag"),
        (["--bip=nonsense"], "--bip"),
        (["-H", "tcp://127.0.0.1:2375"], "--tlsverify"),
        (["--bridge=mine", "--bip=10.0.0.1/8"], "mutually exclusive"),
    ],
)
def test_bad_options_are_one_clear_line(flags: list[str], text: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(NETWRIGHT), "daemon", f"--data-root={tmp_path}/d", f"--exec-root={tmp_path}/e", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_dockerd_has_and_we_do_not_need_is_accepted(machine: Machine, tmp_path: Path) -> None:
    engine = Engine(machine, tmp_path, "--storage-driver=overlay2", "--containerd=/x", "--exec-opt", "a=b")
    try:
        engine.start()

        assert engine.log.read_text().count("--storage-driver") == 1
    finally:
        engine.close()


def test_a_hangup_reloads_what_can_be_reloaded(fresh: Engine) -> None:
    assert fresh.process is not None
    (fresh.folder / "daemon.json").write_text('{"labels": ["site=test"]}')
    fresh.process.send_signal(signal.SIGHUP)

    labels: list[str] = []
    while not labels:
        _, info = fresh.call("GET", "/info")
        assert isinstance(info, dict)
        labels = info["Labels"]

    assert labels == ["site=test"]


def test_metrics_are_offered_on_the_socket(fresh: Engine) -> None:
    fresh.docker("ps")

    status, text = fresh.call("GET", "/metrics")

    assert status == 200
    assert "netwright_api_request_seconds" in str(text)


@pytest.mark.parametrize(("first", "then"), [BACKENDS, BACKENDS[::-1]])
def test_another_firewall_backend_takes_over_and_leaves_nothing_of_the_former(
    machine: Machine, tmp_path: Path, image_tar: Path, first: str, then: str
) -> None:
    engine = Engine(machine, tmp_path, f"--firewall-backend={first}")
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        serve(engine, "web", "-p", "8080:80")
        engine.stop()
        engine.flags = (f"--firewall-backend={then}",)
        engine.start()

        chains = machine.host.run("iptables-save").stdout
        maps = machine.host.run("nft", "list", "ruleset").stdout
        assert fetch(engine) == "hello\n"
        assert (":DOCKER " in chains) == (then == "iptables")
        assert ("map any4" in maps) == (then == "nftables")
    finally:
        engine.close()


def test_dockers_chains_of_another_engine_are_not_taken_over(machine: Machine, tmp_path: Path) -> None:
    machine.host.run("iptables", "-t", "nat", "-N", "DOCKER")
    engine = Engine(machine, tmp_path, "--firewall-backend=iptables")

    done = machine.host.run(*engine.command(), check=False)

    assert done.returncode == 1
    assert "--firewall-backend=nftables" in done.stderr


def test_crun_runs_containers_where_the_cgroups_let_it_and_else_its_reason_is_said(
    machine: Machine, tmp_path: Path, image_tar: Path
) -> None:
    engine = Engine(machine, tmp_path, "--default-runtime=crun")
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        ran = engine.docker("run", "--rm", IMAGE, "echo", "ran", check=False)
    finally:
        engine.close()

    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        assert ran.stdout == "ran\n"
    else:
        assert "cgroups in hybrid mode not supported" in ran.stderr
