"""The daemon's options: one table, from which command line, daemon.json, help, documentation and completion come."""

from netwright.config.parse import Invocation, invocation, parse, reloaded
from netwright.config.table import OPTIONS, Config
from netwright.config.values import AddressPool, Listen, NetworkOption

__all__ = [
    "OPTIONS",
    "AddressPool",
    "Config",
    "Invocation",
    "Listen",
    "NetworkOption",
    "invocation",
    "parse",
    "reloaded",
]
