"""docker run and its flags, through the unmodified docker command line."""

import json
import re

import pytest
from machine import Engine, docker_clients

IMAGE = "busybox:latest"


@pytest.mark.parametrize("client", docker_clients())
def test_a_container_runs_and_its_output_and_exit_code_come_back(engine: Engine, client: str) -> None:
    done = engine.docker("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7", check=False, client=client)

    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


@pytest.mark.parametrize("client", docker_clients())
def test_what_goes_into_stdin_comes_out_again(engine: Engine, client: str) -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))

    done = engine.docker("run", "-i", "--rm", IMAGE, "cat", stdin=text, client=client)

    assert done.stdout == text


def test_a_command_that_is_not_there_exits_127(engine: Engine) -> None:
    done = engine.docker("run", "--rm", IMAGE, "no-such-program", check=False)

    assert done.returncode == 127
    assert "executable file not found in $PATH" in done.stderr


def test_an_image_that_is_not_there_is_a_clear_error(engine: Engine) -> None:
    done = engine.docker("run", "--rm", "--pull=never", "no-such-image", "true", check=False)

    assert done.returncode == 125
    assert "No such image: no-such-image:latest" in done.stderr


def test_environment_directory_user_and_entrypoint_are_obeyed(engine: Engine) -> None:
    script = 'echo "$A $PWD $(id -u):$(id -g) $0"'

    flags = ["-e", "A=b", "-w", "/tmp", "-u", "web", "--entrypoint", "sh"]
    done = engine.docker("run", "--rm", *flags, IMAGE, "-c", script, "zero")

    assert done.stdout == "b /tmp 1000:1000 zero\n"


def test_a_volume_keeps_its_content_and_a_bind_shows_the_hosts(engine: Engine) -> None:
    shared = engine.folder / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "file").write_text("from the host\n")

    engine.docker("run", "--rm", "-v", "kept:/data", IMAGE, "sh", "-c", "echo kept > /data/file")
    volume = engine.docker("run", "--rm", "-v", "kept:/data:ro", IMAGE, "cat", "/data/file")
    bind = engine.docker("run", "--rm", "-v", f"{shared}:/host:ro", IMAGE, "cat", "/host/file")
    refused = engine.docker("run", "--rm", "-v", f"{shared}:/host:ro", IMAGE, "touch", "/host/file", check=False)
    engine.docker("volume", "rm", "kept")

    assert (volume.stdout, bind.stdout) == ("kept\n", "from the host\n")
    assert refused.returncode != 0


def test_tmpfs_read_only_and_init_are_obeyed(engine: Engine) -> None:
    script = "touch /tmp/there && ! touch /root/not && echo ok"

    done = engine.docker("run", "--rm", "--read-only", "--tmpfs", "/tmp", IMAGE, "sh", "-c", script)

    assert done.stdout == "ok\n"


def test_capabilities_are_added_and_dropped(engine: Engine) -> None:
    usual = engine.docker("run", "--rm", IMAGE, "ping", "-c1", "127.0.0.1", check=False)
    without = engine.docker("run", "--rm", "--cap-drop=NET_RAW", IMAGE, "ping", "-c1", "127.0.0.1", check=False)
    refused = engine.docker("run", "--rm", IMAGE, "ip", "link", "set", "lo", "down", check=False)
    allowed = engine.docker("run", "--rm", "--cap-add=NET_ADMIN", IMAGE, "ip", "link", "set", "lo", "down", check=False)
    privileged = engine.docker("run", "--rm", "--privileged", IMAGE, "mount", "-t", "tmpfs", "x", "/tmp", check=False)

    assert (usual.returncode, allowed.returncode, privileged.returncode) == (0, 0, 0)
    assert without.returncode != 0
    assert refused.returncode != 0


def test_limits_reach_the_cgroup(engine: Engine) -> None:
    name = engine.docker("run", "-d", "-m", "64m", "--cpus", "0.5", IMAGE, "sleep", "1000").stdout.strip()

    shown = json.loads(engine.docker("inspect", name).stdout)[0]

    assert shown["HostConfig"]["Memory"] == 64 << 20
    assert shown["HostConfig"]["NanoCpus"] == 500_000_000
    pid = shown["State"]["Pid"]
    memberships = engine.machine.host.run("cat", f"/proc/{pid}/cgroup").stdout
    path = next(
        line.split(":", 2)[2] for line in memberships.splitlines() if "memory" in line or line.startswith("0::")
    )
    limits = engine.machine.host.run(
        "sh",
        "-c",
        f"cat /sys/fs/cgroup/memory{path}/memory.limit_in_bytes /sys/fs/cgroup{path}/memory.max",
        check=False,
    )
    assert str(64 << 20) in limits.stdout


def test_a_container_may_be_stopped_started_renamed_and_waited_for(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "first", IMAGE, "sleep", "1000")
    engine.docker("rename", "first", "second")
    engine.docker("stop", "-t", "0", "second")

    waited = engine.docker("wait", "second")
    engine.docker("start", "second")
    shown = engine.docker("ps", "--filter", "name=second", "--format", "{{.Names}} {{.State}}")

    assert waited.stdout == "137\n"
    assert shown.stdout == "second running\n"


def test_logs_show_what_was_written_and_follow_to_the_end(engine: Engine) -> None:
    script = "for i in 1 2 3; do echo line $i; done"
    engine.docker("run", "--name", "writer", IMAGE, "sh", "-c", script)

    last = engine.docker("logs", "--tail", "1", "writer")
    followed = engine.docker("logs", "-f", "writer")
    stamped = engine.docker("logs", "-t", "writer")

    assert last.stdout == "line 3\n"
    assert followed.stdout == "line 1\nline 2\nline 3\n"
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z line 1\n", stamped.stdout)


def test_exec_runs_beside_and_passes_its_exit_code(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "host", IMAGE, "sleep", "1000")

    said = engine.docker("exec", "-e", "X=1", "-w", "/tmp", "host", "sh", "-c", "echo $X $PWD")
    piped = engine.docker("exec", "-i", "host", "cat", stdin="through\n")
    failed = engine.docker("exec", "host", "sh", "-c", "exit 3", check=False)

    assert (said.stdout, piped.stdout, failed.returncode) == ("1 /tmp\n", "through\n", 3)


def test_a_terminal_is_one(engine: Engine) -> None:
    done = engine.docker("run", "--rm", "-t", IMAGE, "tty")

    assert done.stdout.strip() == "/dev/pts/0"


def test_files_are_copied_in_and_out(engine: Engine) -> None:
    source = engine.folder / "copied"
    source.write_text("content\n")
    engine.docker("create", "--name", "box", IMAGE, "cat", "/tmp/copied")

    engine.docker("cp", str(source), "box:/tmp/copied")
    engine.docker("cp", "box:/tmp/copied", str(engine.folder / "back"))
    shown = engine.docker("start", "-a", "box")

    assert (engine.folder / "back").read_text() == "content\n"
    assert shown.stdout == "content\n"


def test_a_container_that_fails_is_started_again_as_often_as_asked(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "failing", "--restart", "on-failure:2", IMAGE, "false")

    status, answer = engine.call("POST", "/containers/failing/wait?condition=not-running")
    shown = json.loads(engine.docker("inspect", "failing").stdout)[0]

    assert (status, answer) == (200, {"StatusCode": 1})
    assert shown["RestartCount"] == 2


def test_docker_has_more_than_we_and_we_say_so(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "one", IMAGE, "sleep", "1000")

    done = engine.docker("pause", "one", check=False)

    assert done.returncode == 1
    assert "pausing containers is not supported" in done.stderr


def test_the_sdk_runs_containers_too(engine: Engine) -> None:
    client = engine.sdk()
    try:
        output = client.containers.run(IMAGE, ["echo", "from the sdk"], remove=True)
        container = client.containers.run(IMAGE, ["sleep", "1000"], detach=True, ports={"80/tcp": None})
        container.reload()
        code, text = container.exec_run(["echo", "inside"])
        ports = container.attrs["NetworkSettings"]["Ports"]["80/tcp"]
        container.remove(force=True)
    finally:
        client.close()

    assert output == b"from the sdk\n"
    assert (code, text) == (0, b"inside\n")
    assert {binding["HostIp"] for binding in ports} == {"0.0.0.0", "::"}
    assert len({binding["HostPort"] for binding in ports}) == 1
