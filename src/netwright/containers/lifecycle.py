"""The states of a container as a table, and when the engine starts one again by itself. Pure."""

from netwright.errors import Conflict
from netwright.model.container import Container, ContainerState, RestartPolicy, RestartWhen, Status

MOVES: dict[Status, frozenset[Status]] = {
    Status.CREATING: frozenset({Status.CREATED, Status.REMOVING}),
    Status.CREATED: frozenset({Status.RUNNING, Status.REMOVING}),
    Status.RUNNING: frozenset({Status.EXITED, Status.RESTARTING}),
    Status.RESTARTING: frozenset({Status.RUNNING, Status.EXITED, Status.RESTARTING}),
    Status.EXITED: frozenset({Status.RUNNING, Status.RESTARTING, Status.REMOVING}),
    Status.REMOVING: frozenset({Status.DEAD}),
    Status.DEAD: frozenset({Status.REMOVING}),
}
"""Which state may follow which. The row is deleted from REMOVING; DEAD is one whose removal failed halfway."""

STARTABLE = frozenset({Status.CREATED, Status.EXITED, Status.RESTARTING})

FIRST_DELAY = 0.1
"""Seconds before the first restart; Docker's `defaultTimeout`."""

LONGEST_DELAY = 60.0

STEADY_AFTER = 10.0
"""A run of this many seconds is a success: the next delay starts from the shortest again."""


def check_move(before: Status, after: Status) -> None:
    """Raise Conflict where the table has no such move."""
    if after is not before and after not in MOVES[before]:
        raise Conflict(f"a container that is {before} cannot become {after}")


def is_running(state: ContainerState) -> bool:
    """Tell whether Docker calls it running: a process lives, or will again in a moment."""
    return state.status in {Status.RUNNING, Status.RESTARTING}


def ends_with_first_client(row: Container) -> bool:
    """Tell whether its standard input ends with its first client (`StdinOnce`); a terminal outlives its clients."""
    return row.config.stdin_once and not row.config.tty


def next_delay(last: float | None, lasted: float) -> float:
    """Return the seconds to wait before a restart.

    `last` is the wait before the run that ended now (None: none), `lasted` how long that run was, both in seconds.
    """
    if last is None or lasted >= STEADY_AFTER:
        return FIRST_DELAY
    return min(last * 2, LONGEST_DELAY)


def restarts_after_exit(policy: RestartPolicy, state: ContainerState) -> bool:
    """Tell whether a container that has just ended is started again; never one that the user stopped."""
    return not state.stopped and _wanted(policy, state)


def restarts_at_boot(policy: RestartPolicy, state: ContainerState) -> bool:
    """Tell whether a container that does not run is started when the engine starts.

    As Docker has it, `always` means even one that the user stopped, but not one that never ran.
    """
    if state.started is None or state.status not in {Status.EXITED, Status.RESTARTING}:
        return False
    if policy.when is RestartWhen.ALWAYS:
        return True
    return restarts_after_exit(policy, state)


def _wanted(policy: RestartPolicy, state: ContainerState) -> bool:
    match policy.when:
        case RestartWhen.ALWAYS | RestartWhen.UNLESS_STOPPED:
            return True
        case RestartWhen.ON_FAILURE:
            return state.exit_code != 0 and (policy.maximum == 0 or state.restarts < policy.maximum)
        case RestartWhen.NO:
            return False
