from datetime import UTC, datetime

import pytest

from netwright.containers.lifecycle import (
    FIRST_DELAY,
    LONGEST_DELAY,
    MOVES,
    STARTABLE,
    check_move,
    next_delay,
    restarts_after_exit,
    restarts_at_boot,
)
from netwright.errors import Conflict
from netwright.model.container import ContainerState, RestartPolicy, RestartWhen, Status

NEVER, ALWAYS, UNLESS, FAILURE = (
    RestartPolicy(when)
    for when in (RestartWhen.NO, RestartWhen.ALWAYS, RestartWhen.UNLESS_STOPPED, RestartWhen.ON_FAILURE)
)
NOW = datetime.now(UTC)


def ended(code: int = 0, *, stopped: bool = False, restarts: int = 0) -> ContainerState:
    return ContainerState(status=Status.EXITED, exit_code=code, stopped=stopped, restarts=restarts, started=NOW)


def test_the_table_names_every_state_and_only_what_can_be_started_can_run() -> None:
    assert set(MOVES) == set(Status)
    assert {before for before, after in MOVES.items() if Status.RUNNING in after} == STARTABLE
    with pytest.raises(Conflict, match="removing cannot become running"):
        check_move(Status.REMOVING, Status.RUNNING)


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [(NEVER, 1, False), (ALWAYS, 0, True), (UNLESS, 0, True), (FAILURE, 0, False), (FAILURE, 1, True)],
)
def test_a_policy_decides_by_the_exit_code(policy: RestartPolicy, code: int, again: bool) -> None:
    assert restarts_after_exit(policy, ended(code)) is again


def test_nothing_that_the_user_stopped_is_started_again() -> None:
    assert not any(restarts_after_exit(policy, ended(1, stopped=True)) for policy in (ALWAYS, UNLESS, FAILURE))


def test_a_maximum_of_restarts_holds() -> None:
    policy = RestartPolicy(RestartWhen.ON_FAILURE, 3)
    assert [restarts_after_exit(policy, ended(1, restarts=count)) for count in (2, 3)] == [True, False]


@pytest.mark.parametrize(
    ("policy", "stopped", "starts"), [(ALWAYS, True, True), (UNLESS, True, False), (UNLESS, False, True)]
)
def test_at_boot_always_means_even_what_was_stopped(policy: RestartPolicy, stopped: bool, starts: bool) -> None:
    assert restarts_at_boot(policy, ended(stopped=stopped)) is starts


def test_at_boot_nothing_starts_that_never_ran() -> None:
    assert not restarts_at_boot(ALWAYS, ContainerState())


def test_the_delay_doubles_to_a_minute_and_starts_anew_after_a_steady_run() -> None:
    delays = [next_delay(None, 0.0)]
    for _ in range(12):
        delays.append(next_delay(delays[-1], 0.0))
    assert delays[:4] == [FIRST_DELAY, 0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_DELAY
    assert next_delay(LONGEST_DELAY, 11.0) == FIRST_DELAY
