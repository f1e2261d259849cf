"""The keeper's process and the engine's end of it; what is held here are pipes, for which no privilege is needed."""

import errno
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.errors import OperationFailed
from netwright.kernel import keeper as package
from netwright.kernel.companion import packets
from netwright.kernel.companion.client import Gone, Superseded
from netwright.kernel.keeper.client import KeeperClient
from netwright.kernel.keeper.packets import AT_ONCE, PAGE

LOG, SOCKET = KeeperClient.KIND.log, KeeperClient.KIND.socket

PATIENCE = 15.0


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[KeeperClient]:
    client = KeeperClient.start(tmp_path)
    pidfd = os.pidfd_open(client.pid)
    try:
        yield client
    finally:
        client.close()
        last = KeeperClient.find(tmp_path)
        if last is not None:
            last.retire()
            last.close()
        assert ended(pidfd), "the keeper has not ended"
        os.close(pidfd)


def ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(PATIENCE * 1000))


def put_pipe(keeper: KeeperClient, name: str) -> int:
    """Have the writing end of a pipe held; return the other, which ends when nobody holds the first any more."""
    reading, writing = os.pipe()
    keeper.put({name: writing})
    os.close(writing)
    return reading


def is_held(reading: int) -> bool:
    os.set_blocking(reading, False)
    try:
        return bool(os.read(reading, 1))
    except BlockingIOError:
        return True


def test_what_is_put_is_held_until_it_is_dropped(keeper: KeeperClient) -> None:
    reading = put_pipe(keeper, "a")
    assert is_held(reading)
    assert keeper.held() == {"a": None}
    keeper.drop(["a"])
    assert not is_held(reading)
    assert keeper.held() == {}
    os.close(reading)


def test_dropping_what_is_not_held_is_content(keeper: KeeperClient) -> None:
    keeper.drop(["nothing"])


def test_a_name_put_twice_means_the_latter(keeper: KeeperClient) -> None:
    first, second = put_pipe(keeper, "a"), put_pipe(keeper, "a")
    assert (is_held(first), is_held(second)) == (False, True)
    os.close(first)
    os.close(second)


def test_a_copy_is_handed_over_and_the_original_stays(keeper: KeeperClient) -> None:
    reading = put_pipe(keeper, "a")
    copy = keeper.get("a")
    os.write(copy, b"!")
    assert os.read(reading, 1) == b"!"
    os.close(copy)
    assert is_held(reading)
    os.close(reading)


def test_what_is_not_held_cannot_be_had_or_relayed(keeper: KeeperClient) -> None:
    for request in (lambda: keeper.get("a"), lambda: keeper.relay({"a": ("127.0.0.1", 1)})):
        with pytest.raises(OperationFailed, match="nothing is held as a") as failure:
            request()
        assert failure.value.errno == errno.ENOENT


def test_only_tcp_and_udp_can_be_relayed(keeper: KeeperClient) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        keeper.put({"a": held.fileno()})
    with pytest.raises(OperationFailed) as failure:
        keeper.relay({"a": ("127.0.0.1", 1)})
    assert failure.value.errno == errno.EPROTONOSUPPORT
    assert keeper.held() == {"a": None}


def test_many_are_put_and_dropped_at_once(keeper: KeeperClient) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        keeper.put({f"name/{number}": held.fileno() for number in range(AT_ONCE)})
    assert len(keeper.held()) == AT_ONCE
    keeper.drop([f"name/{number}" for number in range(1, AT_ONCE)])
    assert keeper.held() == {"name/0": None}


def test_a_listing_of_any_length_comes_whole(keeper: KeeperClient) -> None:
    count = 2 * PAGE
    with socket.socket(socket.AF_UNIX) as held:
        for number in range(count):
            keeper.put({f"name/{number}": held.fileno()})
    assert keeper.held() == {f"name/{number}": None for number in range(count)}


def test_it_goes_on_when_its_engine_is_gone(keeper: KeeperClient, tmp_path: Path) -> None:
    reading = put_pipe(keeper, "a")
    keeper.close()
    again = KeeperClient.find(tmp_path)
    assert again is not None
    assert (again.pid, again.held()) == (keeper.pid, {"a": None})
    assert is_held(reading)
    again.close()
    os.close(reading)


def test_it_ends_when_it_holds_nothing_and_its_engine_is_gone(tmp_path: Path) -> None:
    client = KeeperClient.start(tmp_path)
    pidfd = os.pidfd_open(client.pid)
    os.close(put_pipe(client, "a"))
    client.drop(["a"])
    client.close()
    assert ended(pidfd)
    os.close(pidfd)
    assert KeeperClient.find(tmp_path) is None


def test_the_last_engine_has_the_word(keeper: KeeperClient, tmp_path: Path) -> None:
    later = KeeperClient.find(tmp_path)
    assert later is not None
    for _ in range(2):
        with pytest.raises(Superseded, match="another engine has taken over"):
            keeper.drop(["a"])
    assert later.held() == {}
    later.close()


def test_nobody_is_heard_before_hello(keeper: KeeperClient, tmp_path: Path) -> None:
    reading = put_pipe(keeper, "a")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(tmp_path / SOCKET))
        packets.send(stranger, "drop a")
        assert packets.receive(stranger)[0].startswith(f"error {errno.EPERM} ")
        packets.send(stranger, "put a", [reading])
        assert packets.receive(stranger)[0].startswith(f"error {errno.EPERM} ")
    assert is_held(reading)
    os.close(reading)


@pytest.mark.parametrize("nonsense", ["fly a", "relay\na", "list x", "put\na", " ", "\n"])
def test_nonsense_is_refused_and_does_no_harm(keeper: KeeperClient, tmp_path: Path, nonsense: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(tmp_path / SOCKET))
        packets.send(client, "hello 1")
        assert packets.receive(client)[0].startswith("ok ")
        packets.send(client, nonsense)
        assert packets.receive(client)[0].startswith("error ")
        packets.send(client, "list 0")
        assert packets.receive(client)[0] == "ok"


def test_its_socket_is_for_its_user_alone(keeper: KeeperClient, tmp_path: Path) -> None:
    assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_retired_one_lets_go_of_everything(keeper: KeeperClient) -> None:
    reading = put_pipe(keeper, "a")
    keeper.retire()
    assert not is_held(reading)
    os.close(reading)


def test_a_killed_one_is_noticed_and_has_let_go_by_then(tmp_path: Path) -> None:
    client = KeeperClient.start(tmp_path)
    reading = put_pipe(client, "a")
    os.kill(client.pid, 9)
    client.wait()
    with pytest.raises(Gone):
        client.held()
    assert not is_held(reading)
    assert KeeperClient.find(tmp_path) is None
    client.close()
    os.close(reading)


def test_where_no_more_fit_it_says_so_and_holds_what_it_has(tmp_path: Path) -> None:
    script = (
        "import os, resource, socket, sys\n"
        "from pathlib import Path\n"
        "from netwright.errors import OperationFailed\n"
        "from netwright.kernel.keeper.client import KeeperClient\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 50))\n"
        "keeper = KeeperClient.start(Path(sys.argv[1]))\n"
        "count = 0\n"
        "try:\n"
        "    while count < 60:\n"
        "        keeper.put({f'n{count}': 0})\n"
        "        count += 1\n"
        "except OperationFailed as failure:\n"
        "    print(count, len(keeper.held()), failure.errno, failure)\n"
        "keeper.retire()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    count, held, number, *words = done.stdout.split()
    assert 40 < int(count) == int(held) < 50
    assert int(number) == errno.EMFILE
    assert "it may have 50 descriptors open (ulimit -n)" in " ".join(words)


def test_one_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OperationFailed, match=r"no keeper can be started at .*its program ended with 1"):
        KeeperClient.start(tmp_path)


def test_a_socket_path_that_is_too_long_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed, match=r"no keeper can be started at .*AF_UNIX path too long"):
        KeeperClient.start(tmp_path / ("x" * 100))


def test_its_process_imports_the_standard_library_and_itself_alone() -> None:
    script = (
        "import sys; sys.path.append(sys.argv[1]); import netwright.kernel.keeper.process\n"
        "print(*[name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names])"
    )
    tree = Path(package.__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(tree)], capture_output=True, text=True, check=True
    )
    shared = {f"netwright.kernel.companion{name}" for name in ("", ".packets", ".loop", ".conversation")}
    own = {"__main__", "netwright", "netwright.kernel", *shared}
    assert {name for name in done.stdout.split() if not name.startswith(package.__name__)} == own
    assert f"{package.__name__}.client" not in done.stdout.split()


def test_it_leaves_word_of_nothing_where_all_went_well(keeper: KeeperClient, tmp_path: Path) -> None:
    assert (tmp_path / LOG).read_text() == ""
