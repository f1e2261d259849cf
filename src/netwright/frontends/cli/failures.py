"""What ends a command early, and the exit code that it ends with."""

from netwright.errors import NetwrightError

FAILED = 1
"""The engine refused, or a command was given the wrong number of arguments."""

DIFFERENT = 3
"""A check found that something is not as it should be, or a repair left it so; FAILED is for one that was not made."""

UNUSABLE = 125
"""A flag cannot be read; and any failure of `run` before the container's own process decides (Docker's codes)."""


class CommandFailed(NetwrightError):
    """The command ends here; the message goes to stderr where there is one."""

    def __init__(self, message: str, *, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class EngineRefused(CommandFailed):
    """The engine answered with an error; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Error response from daemon: {message}")
        self.status = status
        self.reason = message


class EngineUnreachable(CommandFailed):
    """No engine answers at this address."""


class BadFlag(CommandFailed):
    """A flag that does not exist or a value that it cannot take."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=UNUSABLE)


class BadUsage(CommandFailed):
    """A command that does not exist, or too many or too few arguments."""
