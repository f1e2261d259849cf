"""What is asked about names: what a sandbox would be told, and what has happened there."""

import errno
from collections.abc import Mapping

from netwright.controller.sandboxes import Sandboxes
from netwright.dns.explain import Explanation
from netwright.errors import Conflict, InvalidInput, OperationFailed
from netwright.host.protocol import Host
from netwright.host.queries import ExplainName, NameCounts, NamesCounted
from netwright.model.names import Id


class NameQuestions:
    """Asks the machine about names."""

    def __init__(self, sandboxes: Sandboxes, host: Host, netns_directory: str) -> None:
        self._sandboxes = sandboxes
        self._host = host
        self._netns_directory = netns_directory

    async def explain(self, sandbox: Id, name: str, kind: str) -> Explanation:
        """Return what a program in an open stack would be answered for a name, and why.

        Raises InvalidInput for what cannot be asked, Conflict where the engine does not answer there.
        """
        try:
            return await self._host.ask(ExplainName(netns=self._sandboxes.path(sandbox), name=name, kind=kind))
        except OperationFailed as failure:
            if failure.errno == errno.EINVAL:
                raise InvalidInput(str(failure)) from None
            if failure.errno != errno.ENOENT:
                raise
            raise Conflict(
                f"names of {self._sandboxes.get(sandbox).name} are not answered by the engine: it does not run, or is "
                "on no network with names"
            ) from None

    async def counts(self) -> Mapping[Id, NameCounts]:
        """Return what has happened with names in each open stack that has them."""
        counted = await self._host.ask(NamesCounted(self._netns_directory))
        by_path = {counts.netns: counts for counts in counted}
        paths = {sandbox.id: self._sandboxes.path(sandbox.id) for sandbox in self._sandboxes.list() if sandbox.open}
        return {sandbox: by_path[path] for sandbox, path in paths.items() if path in by_path}
