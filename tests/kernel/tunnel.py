"""A VPN in small, as programs of user space make them: two tun interfaces, and packets carried between the two.

Tun is what kernels have that have no WireGuard, and the interface looks the same: point to point, without link layer,
neighbours and broadcasts.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Sequence

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x1, 0x1000
_LONGEST = 65536


def tunnel_end(name: str) -> int:
    """Make an interface of the current namespace, point to point and without a link layer; return what feeds it.

    It goes when the descriptor is closed.
    """
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class Tunnel:
    """Two ends, between which nothing passes but what is carried."""

    def __init__(self, one: int, other: int) -> None:
        self._opposite = {one: other, other: one}

    @property
    def ends(self) -> Sequence[int]:
        """Descriptors: one that can be read has packets to carry."""
        return tuple(self._opposite)

    def carry(self, descriptor: int) -> None:
        """Hand everything that was sent into an end to the other."""
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self._opposite[descriptor], os.read(descriptor, _LONGEST))

    def close(self) -> None:
        """Take both interfaces away."""
        for descriptor in self._opposite:
            os.close(descriptor)
