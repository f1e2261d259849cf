"""A sample of `kill_points.py`: kills and failures at some steps of the real engine on the real kernel."""

from collections.abc import Iterator

import pytest
from doomed_daemon import FAIL, KILL
from kill_points import Trial, trial


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
        pytest.param("container start", FAIL, (6, 10), id="failure in container start"),
        pytest.param("container stop", FAIL, (1, 2), id="failure in container stop"),
    ],
)
def test_what_was_disturbed_is_whole_or_gone_and_leaves_nothing(
    doomed: Trial, scenario: str, mode: int, points: tuple[int, ...]
) -> None:
    outcome = doomed.run(scenario, mode, iter(points))

    assert outcome.faults == []
    assert outcome.points == len(points)


def test_a_start_that_is_killed_is_finished_by_the_next(doomed: Trial) -> None:
    outcome = doomed.run_life("engine start", KILL, iter((20,)))

    assert outcome.faults == []
    assert outcome.points == 1
