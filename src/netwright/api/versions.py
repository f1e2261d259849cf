"""The versions of Docker's API that are spoken, and what changed in which."""

from typing import NamedTuple

from netwright.errors import InvalidInput


class ApiVersion(NamedTuple):
    """A version such as 1.41; versions compare."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "ApiVersion":
        """Read `1.41`."""
        major, _, minor = text.partition(".")
        return cls(int(major), int(minor))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST = ApiVersion(1, 24)
NEWEST = ApiVersion(1, 52)

SUMMARIES = ApiVersion(1, 28)
"""The list of networks is without their containers."""
WAIT_CONDITIONS = ApiVersion(1, 30)
"""A wait has a condition."""
MULTIPLEXED = ApiVersion(1, 42)
"""Streams of two outputs have a content type of their own; a prune of volumes spares named ones."""
SEVERAL_ENDPOINTS = ApiVersion(1, 44)
"""Containers are made on several networks; endpoints show DNSNames and have the MAC address; sizes are shown once."""
CLEAN_ALIASES = ApiVersion(1, 45)
"""Aliases are only those that the user asked for."""
ENABLE_IPV4 = ApiVersion(1, 48)
"""Networks show EnableIPv4; endpoints have a gateway priority; sysctls of an interface belong to its endpoint."""
FIREWALL = ApiVersion(1, 49)
"""Info tells who filters."""
NO_BRIDGE_NF = ApiVersion(1, 50)
"""Info no longer tells of br_netfilter."""

STATUS = ApiVersion(1, 52)
"""Networks show how full they are; what was deprecated of events, endpoints and containers is no longer there."""


def check(version: ApiVersion) -> None:
    """Raise InvalidInput, in Docker's words, for a version that is not spoken."""
    if version < OLDEST:
        raise InvalidInput(
            f"client version {version} is too old. Minimum supported API version is {OLDEST}, "
            "please upgrade your client to a newer version"
        )
    if version > NEWEST:
        raise InvalidInput(f"client version {version} is too new. Maximum supported API version is {NEWEST}")
