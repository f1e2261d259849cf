"""Names for the API's tests."""

from collections.abc import Mapping

from netwright.dns.explain import Explanation
from netwright.errors import InvalidInput
from netwright.host.queries import NameCounts
from netwright.model.names import Id


class FakeNames:
    """Answers what it was told to, whatever is asked."""

    def __init__(self) -> None:
        self.explanation = Explanation(source="zone", why="a name on network back", told=("10.0.0.2",))
        self.counted: dict[Id, NameCounts] = {}
        self.asked: list[tuple[Id | None, str, str]] = []
        """Sandbox, name and type of each question; no sandbox where it is the host's."""

    async def explain(self, sandbox: Id, name: str, kind: str) -> Explanation:
        return self._explained(sandbox, name, kind)

    async def explain_to_host(self, name: str, kind: str) -> Explanation:
        return self._explained(None, name, kind)

    def _explained(self, sandbox: Id | None, name: str, kind: str) -> Explanation:
        if kind == "X":
            raise InvalidInput("no type X")
        self.asked.append((sandbox, name, kind))
        return self.explanation

    async def counts(self) -> Mapping[Id, NameCounts]:
        return self.counted
