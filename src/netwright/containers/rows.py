"""The rows of all containers, and finding one by what a user writes."""

from collections.abc import Sequence

from netwright.errors import Conflict, InvalidInput, NotFound
from netwright.model.container import Container, Status
from netwright.model.names import Id, is_id
from netwright.store.api import Delete, Put, Store

HIDDEN = frozenset({Status.CREATING})


class Rows:
    """All containers: in memory for reading, written through to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[Id, Container] = {Id(key): row for key, row in store.load(Container).items()}
        self._names: dict[str, Id] = {row.name: row.id for row in self._rows.values()}

    def all(self) -> Sequence[Container]:
        """Return every row, also of those that are being made."""
        return tuple(self._rows.values())

    def shown(self) -> Sequence[Container]:
        """Return the containers that users may know of, oldest first."""
        return [row for row in self._rows.values() if row.state.status not in HIDDEN]

    def find(self, reference: str) -> Container:
        """Return the container that a user means. Raises NotFound, InvalidInput where several answer to it."""
        name = reference.removeprefix("/")
        exact = self._rows.get(Id(name)) if is_id(name) else None
        if exact is None and name in self._names:
            exact = self._rows.get(self._names[name])
        if exact is not None and exact.state.status not in HIDDEN:
            return exact
        found = [row for row in self.shown() if name and row.id.startswith(name)]
        if len(found) > 1:
            raise InvalidInput(f"multiple IDs found with provided prefix: {reference}")
        if not found:
            raise NotFound(f"No such container: {reference}")
        return found[0]

    def get(self, identity: Id) -> Container | None:
        """Return the row of an id."""
        return self._rows.get(identity)

    def present(self, identity: Id) -> Container:
        """Return the row of an id that somebody had a moment ago. Raises NotFound where it has gone since."""
        if (row := self._rows.get(identity)) is None:
            raise NotFound(f"No such container: {identity}")
        return row

    def claim(self, name: str, identity: Id) -> None:
        """Take a name for a container. Raises Conflict in Docker's words where it is taken."""
        owner = self._names.setdefault(name, identity)
        if owner != identity:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def is_taken(self, name: str) -> bool:
        """Tell whether a container has a name."""
        return name in self._names

    def release(self, name: str, identity: Id) -> None:
        """Give a name free, if it is that container's."""
        if self._names.get(name) == identity:
            del self._names[name]

    async def put(self, row: Container) -> Container:
        """Write a row; it is on disk when this returns."""
        await self._store.commit([Put(row.id, row)])
        self._rows[row.id] = row
        return row

    def accept(self, row: Container) -> None:
        """Take over what is so already, and what the disk has refused to note."""
        self._rows[row.id] = row

    async def delete(self, row: Container) -> None:
        """Forget a container and its name."""
        await self._store.commit([Delete(Container, row.id)])
        self._rows.pop(row.id, None)
        for name in [name for name, owner in self._names.items() if owner == row.id]:
            del self._names[name]
