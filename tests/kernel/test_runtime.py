"""Containers on the real kernel: runc, conmon and overlayfs."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from tests.kernel.container_engine import Engine, collected, inside, text_of

from netwright.containers import machine
from netwright.containers.api import ExecRequest, LogRequest
from netwright.containers.spec.capabilities import from_mask
from netwright.errors import Conflict, InvalidInput, NotFound, NotModified
from netwright.model.container import Container, HostSettings, Limits, RestartPolicy, RestartWhen, Status, Ulimit


def conmon_of(engine: Engine, row: Container) -> int:
    running = engine.services.containers._lives.of(row).running
    assert running is not None
    assert running.conmon is not None
    return running.conmon.pid


async def is_living(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        status = await asyncio.to_thread(Path(f"/proc/{pid}/stat").read_text)
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@inside
async def test_a_container_runs_to_its_end_and_keeps_exit_code_and_log(engine: Engine) -> None:
    code, text = await engine.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert code == 3
    assert sorted(text.split()) == ["err", "out"]
    assert engine.events() == ["create", "start", "die", "destroy"]
    assert engine.last("die").attributes["exitCode"] == "3"


@inside
async def test_a_client_attached_before_the_start_misses_nothing(engine: Engine) -> None:
    row = await engine.create("sh", "-c", "echo first; echo second >&2")
    session = await engine.attach(row.id)
    await engine.services.containers.start(row.id)
    frames = await collected(session)
    assert (text_of(frames, 1), text_of(frames, 2)) == ("first\n", "second\n")


@inside
async def test_what_is_written_to_stdin_comes_back_and_its_end_ends_the_process(engine: Engine) -> None:
    row = await engine.create("cat", open_stdin=True, stdin_once=True)
    session = await engine.attach(row.id)
    await engine.services.containers.start(row.id)
    reading = asyncio.ensure_future(collected(session))
    data = b"0123456789abcde\n" * 65536
    await session.write(data)
    await session.close_input()
    assert text_of(await reading).encode() == data
    assert (await engine.services.containers.wait(row.id)).code == 0


@inside
async def test_a_client_that_does_not_read_is_cut_off_and_the_container_goes_on(engine: Engine) -> None:
    row = await engine.create("sh", "-c", "head -c 5000000 /dev/zero; exit 7")
    engine.services.containers._lives.of(row).hub._patience = 0.2
    session = await engine.attach(row.id)
    await engine.services.containers.start(row.id)
    assert (await engine.services.containers.wait(row.id)).code == 7
    with pytest.raises(Exception, match="cut off"):
        await collected(session)


@inside
async def test_a_terminal_has_a_size_that_can_change(engine: Engine) -> None:
    script = "stty size; until [ \"$(stty size)\" = '33 111' ]; do sleep 0.02; done; exit 4"
    row = await engine.create("sh", "-c", script, host=HostSettings(console=(10, 70)), tty=True)
    session = await engine.attach(row.id)
    await engine.services.containers.start(row.id)
    await engine.services.containers.resize(row.id, rows=33, columns=111)
    assert text_of(await collected(session)).split() in (["10", "70"], ["33", "111"])
    assert (await engine.services.containers.wait(row.id)).code == 4


@inside
async def test_the_detach_keys_leave_the_terminal_and_not_the_process(engine: Engine) -> None:
    row = await engine.create("cat", tty=True, open_stdin=True)
    session = await engine.attach(row.id)
    await engine.services.containers.start(row.id)
    await session.write(b"\x10\x11")
    await collected(session)
    assert engine.services.containers.get(row.id).state.status is Status.RUNNING


@inside
async def test_stop_asks_first_and_kills_afterwards(engine: Engine) -> None:
    loop = "echo ready; while :; do sleep 0.02; done"
    polite = await engine.create("sh", "-c", f"trap 'exit 9' TERM; {loop}")
    deaf = await engine.create("sh", "-c", f"trap '' TERM; {loop}")
    for row, seconds, code in ((polite, 20, 9), (deaf, 0, 137)):
        session = await engine.attach(row.id)
        await engine.services.containers.start(row.id)
        await anext(session.output())
        await engine.services.containers.stop(row.id, seconds=seconds)
        assert engine.services.containers.get(row.id).state.exit_code == code
    assert engine.events()[-4:] == ["kill", "kill", "die", "stop"]
    with pytest.raises(NotModified):
        await engine.services.containers.stop(polite.id)


@inside
async def test_a_missing_program_is_refused_in_dockers_words_with_exit_code_127(engine: Engine) -> None:
    row = await engine.create("nosuch")
    with pytest.raises(InvalidInput, match=r'OCI runtime create failed: .*exec: "nosuch": executable file not found'):
        await engine.services.containers.start(row.id)
    after = engine.services.containers.get(row.id).state
    assert (after.status, after.exit_code) == (Status.CREATED, 127)


@inside
async def test_a_directory_as_program_is_refused_with_exit_code_126(engine: Engine) -> None:
    row = await engine.create("/etc")
    with pytest.raises(InvalidInput, match=r"permission denied|is a directory"):
        await engine.services.containers.start(row.id)
    assert engine.services.containers.get(row.id).state.exit_code == 126


@inside
async def test_an_execution_runs_beside_with_its_own_exit_code(engine: Engine) -> None:
    row = await engine.create("sleep", "100", environment=("A=1", "B=2"), user="alice")
    await engine.services.containers.start(row.id)
    request = ExecRequest(
        arguments=("sh", "-c", "id; echo $A $B $C; pwd; exit 5"),
        environment=("B=3", "C=4"),
        directory="/etc",
        attach_stdout=True,
        attach_stderr=True,
    )
    execution = await engine.services.executions.create(row.name, request)
    session = await engine.services.executions.start(execution.id)
    assert session is not None
    text = text_of(await collected(session))
    assert "uid=1000(alice) gid=1000(alice) groups=" in text
    assert "29(audio)" in text
    assert "1 3 4\n/etc\n" in text
    after = engine.services.executions.get(execution.id)
    assert (after.running, after.exit_code) == (False, 5)
    assert engine.services.containers.get(row.id).state.status is Status.RUNNING


@inside
async def test_an_execution_of_a_missing_program_fails_in_dockers_words(engine: Engine) -> None:
    row = await engine.create("sleep", "100")
    await engine.services.containers.start(row.id)
    execution = await engine.services.executions.create(row.id, ExecRequest(arguments=("nosuch",)))
    with pytest.raises(InvalidInput, match=r"OCI runtime exec failed: exec failed: .*executable file not found"):
        await engine.services.executions.start(execution.id, detach=True)
    assert engine.services.executions.get(execution.id).exit_code == 127


@inside
async def test_an_execution_takes_input_on_a_terminal(engine: Engine) -> None:
    row = await engine.create("sleep", "100")
    await engine.services.containers.start(row.id)
    request = ExecRequest(
        arguments=("sh",), tty=True, attach_stdin=True, attach_stdout=True, attach_stderr=True, console=(20, 90)
    )
    execution = await engine.services.executions.create(row.id, request)
    session = await engine.services.executions.start(execution.id)
    assert session is not None
    for rows in (30, 44):
        await engine.services.executions.resize(execution.id, rows=rows, columns=99)
    await session.write(b"until [ \"$(stty size)\" = '44 99' ]; do sleep 0.02; done; exit 2\n")
    await collected(session)
    assert engine.services.executions.get(execution.id).exit_code == 2


@inside
async def test_a_log_is_followed_to_the_end_of_the_container(engine: Engine) -> None:
    row = await engine.create("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done; printf end")
    await engine.services.containers.start(row.id)
    request = LogRequest(follow=True)
    text = b"".join([frame.data async for frame in engine.services.containers.logs(row.id, request)])
    assert text == b"1\n2\n3\nend"
    last = LogRequest(tail=1)
    assert b"end" in b"".join([frame.data async for frame in engine.services.containers.logs(row.id, last)])


@inside
async def test_a_container_that_fails_is_started_again_as_often_as_its_policy_says(engine: Engine) -> None:
    policy = RestartPolicy(RestartWhen.ON_FAILURE, 2)
    row = await engine.create("sh", "-c", "echo run; exit 4", host=HostSettings(restart=policy))
    await engine.services.containers.start(row.id)
    assert (await engine.services.containers.wait(row.id)).code == 4
    assert await engine.log(row.id) == "run\n" * 3
    state = engine.services.containers.get(row.id).state
    assert (state.status, state.restarts) == (Status.EXITED, 2)


@inside
async def test_stopping_a_container_between_two_runs_calls_the_next_one_off(engine: Engine) -> None:
    policy = HostSettings(restart=RestartPolicy(RestartWhen.ALWAYS))
    row = await engine.create("true", host=policy)
    await engine.services.containers.start(row.id)
    await engine.services.containers.wait(row.id, "next-exit")
    await engine.services.containers.stop(row.id)
    assert engine.services.containers.get(row.id).state.status is Status.EXITED


@inside
async def test_a_container_with_auto_remove_goes_at_its_end(engine: Engine) -> None:
    host = HostSettings(auto_remove=True)
    row = await engine.create("sh", "-c", "exit 6", host=host, volumes=("/data",))
    waiting = asyncio.ensure_future(engine.services.containers.wait(row.id, "removed"))
    await asyncio.sleep(0)
    await engine.services.containers.start(row.id)
    assert (await waiting).code == 6
    assert engine.services.containers.list() == []
    assert engine.services.volumes.list() == []


@inside
async def test_mounts_are_there_as_asked(engine: Engine) -> None:
    source = engine.directory / "source"
    host = HostSettings(
        binds=(f"{source}:/bound:ro", "named:/data"), tmpfs={"/scratch": "size=1m"}, shm_size=2 * 1024 * 1024
    )
    script = "cat /data/seed; touch /bound/x || echo refused; mount | grep -e scratch -e /dev/shm"
    code, text = await engine.run("sh", "-c", script.replace("grep", "busybox grep"), host=host)
    assert code == 0
    assert "from the image" in text
    assert "refused" in text
    assert "size=1024k" in text
    assert "size=2048k" in text
    assert [volume.name for volume in engine.services.volumes.list()] == ["named"]
    with pytest.raises(NotFound):
        engine.services.volumes.get("other")
    await engine.services.volumes.remove("named")


@inside
async def test_limits_user_directory_and_capabilities_hold(engine: Engine) -> None:
    host = HostSettings(
        cap_drop=("ALL",),
        ulimits=(Ulimit(name="nofile", soft=100, hard=100),),
        limits=Limits(pids=50, memory=64 * 1024 * 1024),
        group_add=("audio",),
    )
    script = "id; pwd; ulimit -n; cat /proc/self/status"
    code, text = await engine.run("sh", "-c", script, host=host, user="1000:1000", directory="/new/place")
    assert code == 0, text
    assert "uid=1000(alice) gid=1000(alice) groups=" in text
    assert "29(audio)" in text
    assert "/new/place\n100\n" in text
    assert "CapBnd:\t0000000000000000" in text
    assert f"Seccomp:\t{2 if machine.look().seccomp else 0}" in text


@inside
async def test_the_engines_umask_does_not_lock_users_out(engine: Engine) -> None:
    os.umask(0o077)
    script = "ls / /work /volume /etc/hosts > /dev/null && cat /etc/resolv.conf > /dev/null && echo fine"
    text = await engine.run("sh", "-c", script, user="alice", directory="/work", volumes=("/volume",))
    assert text == (0, "fine\n")


@inside
async def test_a_privileged_container_has_all_the_engine_has(engine: Engine) -> None:
    _, text = await engine.run("cat", "/proc/self/status", host=HostSettings(privileged=True))
    mask = next(line.split()[1] for line in text.splitlines() if line.startswith("CapEff"))
    assert from_mask(int(mask, 16)) == machine.look().capabilities
    assert "Seccomp:\t0" in text


@inside
async def test_a_read_only_root_cannot_be_written(engine: Engine) -> None:
    code, text = await engine.run("touch", "/x", host=HostSettings(read_only=True))
    assert code == 1
    assert "Read-only" in text


@inside
async def test_a_container_lives_through_the_end_of_the_engine(engine: Engine) -> None:
    row = await engine.create("sh", "-c", "while :; do sleep 0.05; done")
    await engine.services.containers.start(row.id)
    pid = engine.services.containers.get(row.id).state.pid
    await engine.services.containers.close()
    await engine.come_back()
    assert engine.services.containers.get(row.id).state.pid == pid
    await engine.services.containers.kill(row.id)
    assert engine.services.containers.get(row.id).state.exit_code == 137


@inside
async def test_an_end_that_nobody_saw_is_noted_with_its_exit_code(engine: Engine) -> None:
    row = await engine.create("sh", "-c", "read line; exit 8", open_stdin=True)
    await engine.services.containers.start(row.id)
    session = await engine.attach(row.id)
    conmon = conmon_of(engine, row)
    await session.write(b"go\n")
    pid = os.pidfd_open(conmon)
    await engine.services.containers.close()
    await asyncio.to_thread(os.waitid, os.P_PIDFD, pid, os.WEXITED)
    os.close(pid)
    await engine.come_back()
    state = engine.services.containers.get(row.id).state
    assert (state.status, state.exit_code) == (Status.EXITED, 8)


@inside
async def test_a_killed_conmon_is_noticed_and_the_container_watched_without_it(engine: Engine) -> None:
    row = await engine.create("sleep", "100")
    await engine.services.containers.start(row.id)
    os.kill(conmon_of(engine, row), signal.SIGKILL)
    await engine.services.containers.kill(row.id)
    state = engine.services.containers.get(row.id).state
    assert (state.status, state.exit_code) == (Status.EXITED, 137)


@inside
async def test_rows_of_a_crash_in_the_middle_come_to_a_definite_state(engine: Engine) -> None:
    half = await engine.create("true", name="half", volumes=("/data",))
    leaving = await engine.create("true", name="leaving")
    lost = await engine.create("true", name="lost")
    rows = engine.services.containers._rows
    for row, status in ((half, Status.CREATING), (leaving, Status.REMOVING), (lost, Status.RUNNING)):
        await rows.put(replace(row, state=replace(row.state, status=status)))
    stray = engine.directory / "data" / "containers" / ("a" * 64)
    (stray / "rootfs").mkdir(parents=True)
    await engine.come_back()
    assert [(row.name, row.state.exit_code) for row in engine.services.containers.list()] == [("lost", 255)]
    assert not stray.exists()
    assert engine.services.volumes.list() == []


@inside
async def test_a_start_that_nobody_was_told_of_is_taken_back(engine: Engine) -> None:
    row = await engine.create("sleep", "100")
    await engine.services.containers.start(row.id)
    pid = engine.services.containers.get(row.id).state.pid
    await engine.services.containers.close()
    await engine.services.containers._rows.put(row)
    await engine.come_back()
    assert engine.services.containers.get(row.id).state.status is Status.CREATED
    assert not await is_living(pid)


@inside
async def test_a_boot_starts_what_its_policy_wants_and_nothing_else(engine: Engine) -> None:
    always = await engine.create("sleep", "100", host=HostSettings(restart=RestartPolicy(RestartWhen.ALWAYS)))
    unless = await engine.create("sleep", "100", host=HostSettings(restart=RestartPolicy(RestartWhen.UNLESS_STOPPED)))
    for row in (always, unless):
        await engine.services.containers.start(row.id)
        await engine.services.containers.stop(row.id, seconds=0)
    await engine.services.containers.close()
    events = engine.bus.subscribe()
    await engine.come_back()
    async for event in events:
        if event.action == "start":
            break
    states = [engine.services.containers.get(row.id).state.status for row in (always, unless)]
    assert states == [Status.RUNNING, Status.EXITED]


@inside
async def test_a_running_container_is_removed_by_force_only(engine: Engine) -> None:
    row = await engine.create("sleep", "100", name="web")
    await engine.services.containers.start("web")
    with pytest.raises(Conflict, match='cannot remove container "/web": container is running'):
        await engine.services.containers.remove("web")
    await engine.services.containers.remove("web", force=True)
    with pytest.raises(NotFound, match=f"No such container: {row.id}"):
        engine.services.containers.get(row.id)


@inside
async def test_a_name_belongs_to_one_container(engine: Engine) -> None:
    first = await engine.create("true", name="web")
    with pytest.raises(Conflict, match=rf'The container name "/web" is already in use by container "{first.id}"'):
        await engine.create("true", name="web")
    await engine.services.containers.rename("web", "other")
    await engine.create("true", name="web")
    assert engine.services.containers.get("other").id == first.id


@inside
async def test_a_container_may_join_the_stack_and_the_files_of_another(engine: Engine) -> None:
    donor = await engine.create("sleep", "100", name="donor", hostname="there")
    mode = HostSettings(network_mode="container:donor")
    joined = await engine.create("sh", "-c", "cat /etc/hostname; busybox readlink /proc/self/ns/net", host=mode)
    with pytest.raises(Conflict, match="cannot join network namespace of a non running container"):
        await engine.services.containers.start(joined.id)
    await engine.services.containers.start("donor")
    pid = engine.services.containers.get("donor").state.pid
    await engine.services.containers.start(joined.id)
    await engine.services.containers.wait(joined.id)
    namespace = await asyncio.to_thread(Path(f"/proc/{pid}/ns/net").readlink)
    assert await engine.log(joined.id) == f"there\n{namespace}\n"
    assert donor.sandbox == joined.sandbox
