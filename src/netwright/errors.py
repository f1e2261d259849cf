"""Every error that netwright raises on purpose.

    NetwrightError
    ├── InvalidInput        the request cannot be right, whatever the state       (400)
    ├── Forbidden           it is understood and refused                          (403)
    ├── NotFound            what it names is not there                            (404)
    ├── NotModified         there is nothing to do                                (304)
    ├── Conflict            the state does not allow it now                       (409)
    ├── Gone                the client went away while it was answered            (499)
    ├── NotBuilt            Docker has it, netwright has not                      (501)
    ├── Unavailable         try again: something it needs is not up               (503)
    ├── PlainRefusal        refused, where Docker's error has no kind             (500)
    └── SystemFailure       the machine refused                                   (500)
        ├── OperationFailed   an operation on the machine failed
        └── TeardownFailed    several steps of a removal failed; all are listed

The kind decides the HTTP status (`api.errors`) and the exit code; nothing else does. Messages say what is wrong,
where, and what to do, in one sentence without a full stop, as Docker's do.
"""

from collections.abc import Sequence


class NetwrightError(Exception):
    """Base of every error raised on purpose."""

    @property
    def message(self) -> str:
        """The sentence for the user."""
        return str(self)


class InvalidInput(NetwrightError):
    """The request cannot be right, whatever the state."""


class Forbidden(NetwrightError):
    """The request is understood and refused."""


class NotFound(NetwrightError):
    """What the request names is not there."""


class NotModified(NetwrightError):
    """There is nothing to do: it is so already."""


class Conflict(NetwrightError):
    """The present state does not allow it."""


class Gone(NetwrightError):
    """The client went away while it was being answered."""


class NotBuilt(NetwrightError):
    """Docker has it, netwright has not."""


class Unavailable(NetwrightError):
    """Something that the request needs is not up; it may be tried again."""


class PlainRefusal(NetwrightError):
    """The request is refused, with the status for which clients of Docker look: its own error has no kind there."""


class SystemFailure(NetwrightError):
    """The machine refused, or a program that the engine relies on failed."""

    @classmethod
    def of(cls, error: OSError) -> "SystemFailure":
        """Return what to tell of something that the system has refused, with the file that it was about."""
        where = f"{error.filename}: " if error.filename is not None else ""
        return SystemFailure(f"{where}{error.strerror or error}")


class OperationFailed(SystemFailure):
    """An operation on the machine failed.

    `errno` is the kernel's number, or None where no system call failed. `done` tells how many operations of the same
    batch had been carried out before it: exactly those need taking back.
    """

    def __init__(self, message: str, *, errno: int | None = None, done: int = 0) -> None:
        super().__init__(message)
        self.errno = errno
        self.done = done


class TeardownFailed(SystemFailure):
    """Several steps of a removal failed; the rest was carried out all the same."""

    def __init__(self, what: str, failures: Sequence[BaseException]) -> None:
        super().__init__(f"{what}: " + "; ".join(str(failure) for failure in failures))
        self.failures = tuple(failures)
