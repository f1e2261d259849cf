"""nftables in this process, through Debian's libnftables.

A context belongs to the namespace and the thread in which it was made; it is never shared, because the library is not
built for that. Contexts of several threads may work on one table at once: the kernel refuses a transaction that was
prepared before another one, and the library prepares it again. A transaction of one element takes 0.1 ms, a forked
`nft` thirty times as much.
"""

import ctypes
import functools
import json
import weakref
from collections.abc import Iterable
from typing import Any

from netwright.errors import OperationFailed

_LIBRARY = "libnftables.so.1"
_OUTPUT_JSON = 1 << 4

_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "nft_ctx_new": (ctypes.c_void_p, (ctypes.c_uint32,)),
    "nft_ctx_free": (None, (ctypes.c_void_p,)),
    "nft_ctx_buffer_output": (ctypes.c_int, (ctypes.c_void_p,)),
    "nft_ctx_buffer_error": (ctypes.c_int, (ctypes.c_void_p,)),
    "nft_ctx_get_output_buffer": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "nft_ctx_get_error_buffer": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "nft_ctx_output_set_flags": (None, (ctypes.c_void_p, ctypes.c_uint)),
    "nft_run_cmd_from_buffer": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
}
"""What we use of libnftables(3): the type of the answer, and those of the arguments."""


@functools.cache
def _library() -> ctypes.CDLL:
    """Return the library with its functions typed. Raises OperationFailed where it is not installed."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise OperationFailed(f"{_LIBRARY} is not installed: apt-get install libnftables1") from None
    for name, (answer, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments
    return library


class Nft:
    """One nftables context. Its socket is in the namespace in which it was made, wherever its thread goes later."""

    def __init__(self) -> None:
        self._library = _library()
        context: int | None = self._library.nft_ctx_new(0)
        if context is None:
            raise OperationFailed("libnftables has no memory for a context")
        self._context = context
        weakref.finalize(self, self._library.nft_ctx_free, context)
        self._library.nft_ctx_buffer_output(context)
        self._library.nft_ctx_buffer_error(context)

    def run(self, commands: str) -> None:
        """Carry out commands as one transaction: all or none. Raises OperationFailed with the commands numbered."""
        if commands.strip():
            self._run(commands)

    def tables(self) -> tuple[str, ...]:
        """Return the tables of the context's namespace, each as `family name`. Raises OperationFailed."""
        tables = (entry["table"] for entry in self._listed("list tables") if "table" in entry)
        return tuple(f"{table['family']} {table['name']}" for table in tables)

    def _listed(self, command: str) -> Any:
        """Return what a `list` command says, as libnftables-json(5) has it."""
        self._library.nft_ctx_output_set_flags(self._context, _OUTPUT_JSON)
        try:
            return json.loads(self._run(command))["nftables"]
        finally:
            self._library.nft_ctx_output_set_flags(self._context, 0)

    def names(self, family: str, table: str, name: str) -> tuple[str, ...]:
        """Return the interface names in a set, or the first of each pair; none where there is no such table.

        Raises OperationFailed.
        """
        if f"{family} {table}" not in self.tables():
            return ()
        answer = self._listed(f"list set {family} {table} {name}")
        elements = (element for entry in answer if "set" in entry for element in entry["set"].get("elem", ()))
        return tuple(element if isinstance(element, str) else element["concat"][0] for element in elements)

    def listings(self, wanted: Iterable[str]) -> dict[str, str]:
        """Return what `nft list table` prints of each of these tables that is there. Raises OperationFailed."""
        there = set(self.tables())
        return {table: self._run(f"list table {table}") for table in wanted if table in there}

    def listing(self, command: str) -> str:
        """Return what a `list` command prints. Raises OperationFailed."""
        return self._run(command)

    def _run(self, commands: str) -> str:
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context) or b""
        said: bytes = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            reason = said.decode(errors="replace").strip()
            raise OperationFailed(f"nftables refused a transaction: {reason}\n{numbered(commands)}")
        return output.decode()


def numbered(text: str) -> str:
    """Return a text with its lines numbered, as programs name them in their errors."""
    return "\n".join(f"{number:4} {line}" for number, line in enumerate(text.splitlines(), 1))
