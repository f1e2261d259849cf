"""Ids and names, and their rules."""

import re
import secrets
from typing import NewType

from netwright.errors import InvalidInput

Id = NewType("Id", str)
"""64 lower-case hexadecimal digits: the identity of a container, network, endpoint, sandbox or image."""

SHORT = 12
"""How many digits of an id Docker shows."""

_ID = re.compile(r"[0-9a-f]{64}")
_CONTAINER_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def new_id() -> Id:
    """Return a fresh random id."""
    while True:
        digits = secrets.token_hex(32)
        # Docker's rule: the short form must not be all decimal, or it reads as a number in hostnames.
        if not digits[:SHORT].isdigit():
            return Id(digits)


def is_id(text: str) -> bool:
    """Tell whether `text` is a full id."""
    return _ID.fullmatch(text) is not None


def short(identity: str) -> str:
    """Return the first twelve digits of an id."""
    return identity[:SHORT]


def check_container_name(name: str) -> str:
    """Return `name` without Docker's optional leading slash.

    Raises InvalidInput in Docker's words where the name is not allowed.
    """
    if _CONTAINER_NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        )
    return name.removeprefix("/")


_MOODS = (
    "able agile airy amber ample apt arctic ardent avid balmy bold brave breezy bright brisk calm candid cheery civil "
    "clear clever cosy crisp curious dapper daring deft eager early earnest easy epic fair fast fleet fluent fond free "
    "fresh gentle glad golden grand happy hardy honest humble ideal jolly keen kind large lively loyal lucid lucky "
    "mellow merry mild modest neat nimble noble open patient placid plucky polite prime proud quick quiet rapid ready "
    "robust rosy royal serene sharp shiny silver simple smart snug solid spry stable steady still stout sturdy sunny "
    "swift tidy tough true upbeat vivid warm wary wise witty zesty"
).split()
_THINGS = (
    "anvil arch atlas basin beacon bell birch boat bridge brook canal cedar cliff cloud comet coral cove crane "
    "creek delta dune elm ember falcon fern ferry finch fjord forge fox garden gate glade grove gull harbor hawk "
    "hazel heron hill island jetty kite lagoon lamp lantern lark ledge lever lily loom maple marsh meadow mill "
    "mirror moss oak orchid otter owl path pearl pebble pier pine plaza pond prism quarry quay raven reef ridge "
    "river robin rope rudder sail shore sparrow spire spring sprocket spruce stone stream summit swan terrace "
    "tern thistle tide tower trail valley vane walnut wharf willow window wren"
).split()


def invent_name() -> str:
    """Return a random name such as `brisk_heron`, for a container that was given none."""
    return f"{secrets.choice(_MOODS)}_{secrets.choice(_THINGS)}"
