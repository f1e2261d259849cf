"""What every answer says of who gives it."""

from netwright import __version__
from netwright.api.versions import NEWEST

SIGNATURE = {
    "Api-Version": str(NEWEST),
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Netwright/{__version__} (linux)",
}
"""Headers; clients choose their version by the first."""
