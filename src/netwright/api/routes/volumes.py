"""The routes of volumes."""

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.filters import Filters
from netwright.api.routes.table import Route
from netwright.api.translate.volumes import show_volume
from netwright.api.versions import MULTIPLEXED
from netwright.api.wire import volumes as wire
from netwright.containers.api import Volumes
from netwright.model.container import Volume


class VolumeRoutes:
    """Answers about volumes."""

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/volumes", self.list),
            Route("POST", "/volumes/create", self.create),
            Route("POST", "/volumes/prune", self.prune),
            Route("GET", "/volumes/{name}", self.inspect),
            Route("DELETE", "/volumes/{name}", self.remove),
        ]

    async def list(self, call: Call) -> web.StreamResponse:
        """List volumes."""
        filters = call.filters("dangling", "driver", "label", "label!", "name")
        found = [show_volume(volume) for volume in self._volumes.list() if self._passes(volume, filters)]
        return answer(wire.VolumesShown(volumes=found))

    def _passes(self, volume: Volume, filters: Filters) -> bool:
        dangling = filters.flag("dangling")
        if dangling is not None and dangling == bool(self._volumes.users(volume.name)):
            return False
        return filters.exact("driver", "local") and filters.match("name", volume.name) and filters.labels(volume.labels)

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect a volume."""
        return answer(show_volume(self._volumes.get(call["name"])))

    async def create(self, call: Call) -> web.StreamResponse:
        """Make a volume."""
        asked = await call.body(wire.VolumeCreate, optional=True)
        volume = await self._volumes.create(
            asked.name, driver=asked.driver or "local", labels=asked.labels, options=asked.driver_opts
        )
        return answer(show_volume(volume), 201)

    async def remove(self, call: Call) -> web.StreamResponse:
        """Remove a volume."""
        await self._volumes.remove(call["name"], force=call.flag("force"))
        return empty()

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the volumes that no container uses; named ones only where asked, or by older clients."""
        filters = call.filters("all", "label", "label!")
        named = call.version < MULTIPLEXED or bool(filters.flag("all"))
        removed, regained = await self._volumes.prune(lambda volume: not filters.labels(volume.labels), named=named)
        return answer(wire.VolumesPruned(volumes_deleted=list(removed) or None, space_reclaimed=regained))
