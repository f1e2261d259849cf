"""Small files of the host that say how it is set up."""

from pathlib import Path

from netwright.errors import OperationFailed


def read_text(path: str) -> str | None:
    """Return a file's text, or None where there is none. Raises OperationFailed where it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperationFailed(f"reading {path}: {error.strerror}", errno=error.errno) from error
