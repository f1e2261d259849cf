"""Memory of the engine in large pages: found where there is room for them, and the same as before."""

from netwright.kernel import large_pages

MIB = 1 << 20
LARGE = 2 * MIB


def line(first: int, end: int, permissions: str = "rw-p", inode: int = 0, name: str = "") -> str:
    return f"{first:x}-{end:x} {permissions} 00000000 00:00 {inode:<26} {name}".rstrip()


def test_a_large_page_has_room_between_its_own_boundaries() -> None:
    assert list(large_pages._places(line(3 * MIB, 9 * MIB))) == [4 * MIB, 6 * MIB]
    assert list(large_pages._places(line(4 * MIB, 6 * MIB, name="[heap]"))) == [4 * MIB]
    assert list(large_pages._places(line(3 * MIB, 5 * MIB))) == []


def test_memory_of_files_stacks_and_others_is_left_alone() -> None:
    maps = [
        line(4 * MIB, 8 * MIB, "r-xp"),
        line(4 * MIB, 8 * MIB, "rw-s"),
        line(4 * MIB, 8 * MIB, inode=77, name="/usr/lib/libc.so"),
        line(4 * MIB, 8 * MIB, name="[stack]"),
    ]
    assert list(large_pages._places("\n".join(maps))) == []


def test_what_lies_in_memory_stays_what_it_is() -> None:
    number = 64
    memory = [bytes([value]) * LARGE for value in range(number)]
    before = [hash(one) for one in memory]

    assert large_pages.gather() >= 0

    assert [hash(bytes(bytearray(one))) for one in memory] == before
