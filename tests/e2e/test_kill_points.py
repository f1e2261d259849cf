"""A sample of `kill_points.py`: kills and failures at some steps of the real engine on the real kernel."""

from collections.abc import Iterator

import pytest
from doomed_daemon import FAIL, KILL
from kill_points import Outcome, Trial, trial


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Give an engine that dies or fails where it is told, with a bystander on it."""
    with trial(tmp_path_factory.mktemp("doomed")) as one:
        yield one


@pytest.mark.parametrize(
    ("scenario", "mode", "points"),
    [
        pytest.param("network create", KILL, (7,), id="kill in network create"),
        pytest.param("container start", KILL, (9, 22), id="kill in container start"),
        pytest.param("container remove by force", KILL, (11,), id="kill in container remove"),
        pytest.param("connect", KILL, (8,), id="kill in connect"),
        pytest.param("publish", KILL, (4,), id="kill in publish"),
        pytest.param("network create by plugin", FAIL, (5,), id="failure of a plugin"),
        pytest.param("container create", FAIL, (5,), id="failure in container create"),
        pytest.param("container start", FAIL, (10, 24), id="failure in container start"),
        pytest.param("container stop", FAIL, (14,), id="failure in container stop"),
        pytest.param("container end with --rm", FAIL, (24,), id="failure in a removal that nobody asked for"),
        pytest.param("connect", FAIL, (10,), id="failure in connect"),
        pytest.param("publish", FAIL, (8,), id="failure in publish"),
        pytest.param("unpublish", FAIL, (5,), id="failure in unpublish"),
    ],
)
def test_what_was_disturbed_is_whole_or_gone_and_leaves_nothing(
    doomed: Trial, scenario: str, mode: int, points: tuple[int, ...]
) -> None:
    outcome = Outcome()
    doomed.run(scenario, mode, iter(points), outcome)

    assert outcome.faults == []
    assert outcome.points == len(points)


@pytest.mark.parametrize(
    ("life", "mode", "point"),
    [
        pytest.param("engine start", KILL, 20, id="kill in a start"),
        pytest.param("engine start", FAIL, 30, id="failure in a start"),
        pytest.param("engine stop", FAIL, 12, id="failure in an end"),
    ],
)
def test_a_life_that_was_disturbed_is_put_right_by_the_next(doomed: Trial, life: str, mode: int, point: int) -> None:
    outcome = Outcome()
    doomed.run_life(life, mode, iter((point,)), outcome)

    assert outcome.faults == []
    assert outcome.points == 1
