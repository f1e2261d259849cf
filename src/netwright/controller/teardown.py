"""Carry out every step of a removal, whatever fails."""

from collections.abc import Sequence

from netwright.errors import OperationFailed
from netwright.host.ops import Op
from netwright.host.protocol import Host


async def carry_out_all(host: Host, ops: Sequence[Op]) -> list[Exception]:
    """Do all operations in order, going on after each that fails, but for what follows it; return the failures."""
    failures: list[Exception] = []
    rest = list(ops)
    while rest:
        try:
            await host.do(rest)
            break
        except OperationFailed as failure:
            failures.append(failure)
            failed = rest[failure.done]
            rest = [op for op in rest[failure.done + 1 :] if not op.follows(failed)]
    return failures
