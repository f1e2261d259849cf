"""Errors as answers: each kind's status, in one place."""

import logging

from netwright import errors
from netwright.api.wire.shape import encode
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
    (errors.NetwrightError, 500),
)


def status_of(error: errors.NetwrightError) -> int:
    """Return the HTTP status of an error."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def body_of(message: str) -> bytes:
    """Return the body that says why a request was refused."""
    return encode(Problem(message=message))


def unexpected(error: Exception, what: str) -> bytes:
    """Log a fault of ours with all that helps to find it, and return a body that says so."""
    log.error("%s failed unexpectedly", what, exc_info=error)
    return body_of(f"{what} failed by a fault of the engine, which is in its log: {type(error).__name__}: {error}")
