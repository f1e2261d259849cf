"""What is asked about names: what a sandbox or the host would be told, and what has happened there."""

import errno
from collections.abc import Mapping, Sequence

from netwright.controller.sandboxes import Sandboxes
from netwright.dns.explain import Explanation, question
from netwright.errors import Conflict, InvalidInput, OperationFailed
from netwright.host.protocol import Host
from netwright.host.queries import ExplainName, NameCounts, NamesCounted
from netwright.model.listener import Listener
from netwright.model.names import Id


class NameQuestions:
    """Asks the machine about names."""

    def __init__(self, sandboxes: Sandboxes, host: Host, netns_directory: str, listeners: Sequence[Listener]) -> None:
        self._sandboxes = sandboxes
        self._host = host
        self._netns_directory = netns_directory
        self._listeners = listeners

    async def explain(self, sandbox: Id, name: str, kind: str) -> Explanation:
        """Return what a program in an open stack would be answered for a name, and why.

        Raises InvalidInput for what cannot be asked, Conflict where the engine does not answer there.
        """
        said = await self._explain(self._sandboxes.path(sandbox), name, kind)
        if said is None:
            raise Conflict(
                f"names of {self._sandboxes.get(sandbox).name} are not answered by the engine: it does not run, or is "
                "on no network with names"
            )
        return said

    async def explain_to_host(self, name: str, kind: str) -> Explanation:
        """Return what a program of the host itself would be answered for a name, and why.

        Raises InvalidInput for what cannot be asked, Conflict where the host is not answered.
        """
        if not self._listeners:
            raise Conflict(
                "the host is not told of containers by name: start the engine with --host-names 127.0.0.153 (or "
                "another address of the host), or ask what a container would be told: --from CONTAINER"
            )
        for listener in self._listeners:
            said = await self._explain(listener.place, name, kind)
            if said is not None:
                return said
        raise Conflict(
            f"names are not answered at {' and '.join(map(str, self._listeners))}: the engine's log says why, and "
            "netwright repair tries again"
        )

    async def _explain(self, path: str, name: str, kind: str) -> Explanation | None:
        """Return what would be answered in a place; None where nothing is. Raises InvalidInput."""
        try:
            question(name, kind)
        except ValueError as error:
            raise InvalidInput(str(error)) from None
        try:
            return await self._host.ask(ExplainName(netns=path, name=name, kind=kind))
        except OperationFailed as failure:
            if failure.errno != errno.ENOENT:
                raise
            return None

    async def counts(self) -> Mapping[Id, NameCounts]:
        """Return what has happened with names in each open stack that has them."""
        counted = await self._host.ask(NamesCounted(self._netns_directory))
        by_path = {counts.netns: counts for counts in counted}
        paths = {sandbox.id: self._sandboxes.path(sandbox.id) for sandbox in self._sandboxes.list() if sandbox.open}
        return {sandbox: by_path[path] for sandbox, path in paths.items() if path in by_path}
