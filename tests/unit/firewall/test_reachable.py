"""What is reachable from where, for people."""

import re

from netwright.firewall import reachable


def rows(version: int) -> list[list[str]]:
    """Return the cells of a table, without the numbers of the reasons."""
    lines = [line for line in reachable.table(version).splitlines() if line.startswith("|")]
    return [[re.sub(r" \(\d\)", "", cell.strip()) for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_both_ip_versions_are_alike_but_for_loopback() -> None:
    different = [one[0] for one, other in zip(rows(4), rows(6), strict=True) if one != other]
    # The kernel itself takes no packet to ::1 from a wire.
    assert different == ["`-p 127.0.0.1:8080:80`"]


def test_what_is_closed_by_default_is_closed() -> None:
    default, on_loopback = rows(4)[:3], rows(4)[3]
    assert [row[2] for row in default] == ["yes", "no", "no"]
    assert on_loopback[2:] == ["no", "no", "no", "yes", "no", "no"]


def test_who_comes_through_a_vpn_reaches_what_a_neighbour_does() -> None:
    for version in (4, 6):
        assert [row[4] for row in rows(version)] == [row[3] for row in rows(version)]


def test_every_no_has_its_reason() -> None:
    table = reachable.table()
    numbers = set(re.findall(r"no \((\d)\)", table))
    assert numbers == set(re.findall(r"^(\d)\. \w", table, re.MULTILINE))
    assert " no |" not in table


def test_the_table_is_put_between_its_marks_and_nothing_else_changes() -> None:
    page = "before\n<!-- reachable: written by make docs -->\nold\n<!-- /reachable -->\nafter\n"
    once = reachable.into(page)
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert reachable.into(once) == once
