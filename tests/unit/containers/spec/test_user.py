import pytest

from netwright.containers.spec.user import User, resolve
from netwright.errors import InvalidInput

PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\nbroken line\n"
GROUP = "root:x:0:\naudio:x:29:alice,bob\nvideo:x:44:bob\nstaff:x:50:alice\n"


@pytest.mark.parametrize(
    ("wanted", "user"),
    [
        ("", User(0, 0)),
        ("alice", User(1000, 1001, (29, 50))),
        ("1000", User(1000, 1001, (29, 50))),
        ("alice:video", User(1000, 44)),
        ("alice:7", User(1000, 7)),
        ("4242", User(4242, 0)),
        ("4242:4343", User(4242, 4343)),
    ],
)
def test_a_user_is_looked_up_in_the_images_own_files(wanted: str, user: User) -> None:
    assert resolve(wanted, passwd=PASSWD, group=GROUP) == user


def test_added_groups_come_to_those_of_the_file_once() -> None:
    assert resolve("alice", passwd=PASSWD, group=GROUP, more_groups=("video", "29", "99")).groups == (29, 50, 44, 99)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("eve", "unable to find user eve: no matching entries in passwd file"),
        ("alice:eve", "unable to find group eve: no matching entries in group file"),
    ],
)
def test_an_unknown_name_is_refused(wanted: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        resolve(wanted, passwd=PASSWD, group=GROUP)
