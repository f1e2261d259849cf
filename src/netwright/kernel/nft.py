"""nftables in this process, through Debian's libnftables.

A context belongs to the namespace and the thread in which it was made; it is never shared, because the library is not
built for that. A transaction of one element takes 0.15 ms, a forked `nft` twenty times as much.
"""

import ctypes
import json

from netwright.errors import OperationFailed

_LIBRARY = "libnftables.so.1"
_OUTPUT_JSON = 1 << 4


class Nft:
    """One nftables context."""

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(_LIBRARY)
        except OSError:
            raise OperationFailed(f"{_LIBRARY} is not installed: apt-get install libnftables1") from None
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
            getattr(library, name).restype = ctypes.c_char_p
        library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._library = library
        self._context = ctypes.c_void_p(library.nft_ctx_new(0))
        library.nft_ctx_buffer_output(self._context)
        library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str) -> None:
        """Carry out commands as one transaction. Raises OperationFailed with the commands numbered."""
        if commands.strip():
            self._run(commands)

    def tables(self) -> tuple[str, ...]:
        """Return the tables of this namespace, each as `family name`."""
        return tuple(f"{table['family']} {table['name']}" for table in self._objects("list tables", "table"))

    def listing(self, command: str) -> str:
        """Return what a `list` command prints."""
        return self._run(command)

    def _objects(self, command: str, kind: str) -> list[dict[str, str]]:
        self._library.nft_ctx_output_set_flags(self._context, _OUTPUT_JSON)
        try:
            answer = self._run(command)
        finally:
            self._library.nft_ctx_output_set_flags(self._context, 0)
        return [entry[kind] for entry in json.loads(answer)["nftables"] if kind in entry]

    def _run(self, commands: str) -> str:
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output = self._library.nft_ctx_get_output_buffer(self._context) or b""
        said = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise OperationFailed(f"nftables refused a transaction: {said.decode().strip()}\n{numbered(commands)}")
        return str(output.decode())


def numbered(text: str) -> str:
    """Return a text with its lines numbered, as programs name them in their errors."""
    return "\n".join(f"{number:4} {line}" for number, line in enumerate(text.splitlines(), 1))
