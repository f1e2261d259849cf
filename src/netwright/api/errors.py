"""Errors as answers: each kind's status, in one place."""

import logging

from aiohttp import web

from netwright import errors
from netwright.api.call import answer, empty
from netwright.api.wire.system import Problem

log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[errors.NetwrightError], int], ...] = (
    (errors.InvalidInput, 400),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.NotModified, 304),
    (errors.Conflict, 409),
    (errors.Gone, 499),
    (errors.NotBuilt, 501),
    (errors.Unavailable, 503),
    (errors.PlainRefusal, 500),
    (errors.NetwrightError, 500),
)


def status_of(error: errors.NetwrightError) -> int:
    """Return the HTTP status of an error."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def refusal(error: errors.NetwrightError, what: str) -> web.StreamResponse:
    """Return the answer that says why a request was refused; the machine's own failures are logged too."""
    status = status_of(error)
    if status == 304:
        return empty(304)
    if status == 500 and not isinstance(error, errors.PlainRefusal):
        log.error("%s failed: %s", what, error)
    return answer(Problem(message=error.message), status)


def fault(error: Exception, what: str) -> web.StreamResponse:
    """Log a fault of ours with all that helps to find it, and return an answer that says so."""
    log.error("%s failed unexpectedly", what, exc_info=error)
    message = f"{what} failed by a fault of the engine, which is in its log: {type(error).__name__}: {error}"
    return answer(Problem(message=message), 500)
