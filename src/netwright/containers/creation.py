"""Making a container: everything is decided here, reserved, and written down; nothing runs yet."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from netwright.containers.announcements import Announcements
from netwright.containers.checks import check, donor_of
from netwright.containers.disk import on_disk
from netwright.containers.images import Images
from netwright.containers.inside import root_at
from netwright.containers.removal import Removal, behind_failure
from netwright.containers.rootfs import RootFileSystems
from netwright.containers.rows import Rows
from netwright.containers.spec.mounts import BIND, VOLUME, Wish, parse_volumes_from, wishes
from netwright.containers.spec.process import merge, process
from netwright.containers.volumes import Volumes
from netwright.controller.api import Sandboxes, SandboxRequest
from netwright.errors import InvalidInput, NotFound
from netwright.kernel.commands import check as run_checked
from netwright.model.addressing import parse_address
from netwright.model.container import (
    Container,
    ContainerConfig,
    ContainerRequest,
    ContainerState,
    Image,
    MountPoint,
    Status,
)
from netwright.model.names import Id, check_container_name, invent_name, new_id, short
from netwright.model.network import EndpointSpec

DEFAULT_NETWORK = "bridge"
_COPY_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """Makes containers."""

    rows: Rows
    images: Images
    volumes: Volumes
    roots: RootFileSystems
    sandboxes: Sandboxes
    removal: Removal
    announcements: Announcements
    runtime: str

    async def create(self, request: ContainerRequest) -> tuple[Container, tuple[str, ...]]:
        """Make a container and return it with warnings."""
        warnings = check(request, os.sched_getaffinity(0))
        self._check_runtime(request.host.runtime)
        self._check_links(request.host.links)
        image = self.images.get(request.config.image)
        donor = self._donor(request)
        identity = new_id()
        name = self._name(request.name, identity)
        try:
            row = self._decided(identity, name, request, image, donor)
            wanted = self._wishes(request, row.config)
            _check_sources(wanted)
            row = await self.rows.put(replace(row, mounts=tuple(map(self._point, wanted))))
        except BaseException:
            self.rows.release(name, identity)
            raise
        try:
            row = await self._made(row, request, wanted, donor)
        except BaseException:
            with behind_failure():
                await self.removal.remove(row.id, volumes=True)
            raise
        self.announcements.container("create", row)
        return row, warnings

    def _check_runtime(self, name: str) -> None:
        if name not in {"", self.runtime}:
            raise InvalidInput(f"unknown or invalid runtime name: {name} (this engine has {self.runtime})")

    def _check_links(self, links: Sequence[str]) -> None:
        """Refuse links to nobody. As InvalidInput: clients take what is not found at a creation for the image."""
        for link in links:
            name = link.partition(":")[0]
            try:
                self.rows.find(name)
            except NotFound as error:
                raise InvalidInput(f"could not get container for {name}: {error}") from None

    def _donor(self, request: ContainerRequest) -> Container | None:
        reference = donor_of(request.host.network_mode)
        return self.rows.find(reference) if reference is not None else None

    def _name(self, wanted: str, identity: Id) -> str:
        if wanted:
            name = check_container_name(wanted)
        else:
            name = invent_name()
            while self.rows.is_taken(name):
                name = f"{invent_name()}{identity[0]}"
        self.rows.claim(name, identity)
        return name

    def _decided(
        self, identity: Id, name: str, request: ContainerRequest, image: Image, donor: Container | None
    ) -> Container:
        """Return the row as it is written first: all that can be decided without touching anything."""
        config = merge(request.config, image)
        hostname = _hostname(identity, request, donor)
        # Docker shows the hostname that was chosen in the configuration too, except where it is another's.
        config = replace(config, hostname=hostname)
        host = request.host
        if donor is not None:
            host = replace(host, network_mode=f"container:{donor.id}")
        return Container(
            id=identity,
            name=name,
            created=datetime.now(UTC),
            config=config,
            host=host,
            image=image.id,
            process=process(config, host, hostname=hostname),
            sandbox=donor.sandbox if donor is not None else Id(""),
            joins=donor.id if donor is not None else None,
            hostname=hostname,
            layers=image.layers,
            state=ContainerState(status=Status.CREATING),
            runtime=self.runtime,
        )

    def _wishes(self, request: ContainerRequest, config: ContainerConfig) -> Sequence[Wish]:
        inherited: list[MountPoint] = []
        for text in request.host.volumes_from:
            reference, read_only = parse_volumes_from(text)
            inherited.extend(
                point if read_only is None else replace(point, read_only=read_only)
                for point in self.rows.find(reference).mounts
            )
        return wishes(
            binds=request.host.binds,
            mounts=request.host.mounts,
            tmpfs=request.host.tmpfs,
            inherited=inherited,
            image_volumes=config.volumes,
        )

    def _point(self, wish: Wish) -> MountPoint:
        """Return a mount as decided; an anonymous volume gets its name here, before there is such a volume."""
        volume = (wish.volume or self.volumes.invent_name()) if wish.type == VOLUME else ""
        return MountPoint(
            type=wish.type,
            source=str(self.volumes.path(volume)) if volume else wish.source,
            target=wish.target,
            volume=volume,
            read_only=wish.read_only,
            mode=wish.mode,
            options=wish.options,
        )

    async def _made(
        self, row: Container, request: ContainerRequest, wanted: Sequence[Wish], donor: Container | None
    ) -> Container:
        """Reserve and make everything, and write the row that counts."""
        if donor is None:
            sandbox = await self.sandboxes.create(_sandbox_request(row, request))
            row = replace(row, sandbox=sandbox.id)
        await self.roots.prepare(row.id)
        for wish, point in zip(wanted, row.mounts, strict=True):
            if wish.type == BIND and wish.create:
                await on_disk(_make_directory, Path(wish.source))
            elif wish.type == VOLUME:
                await self.volumes.create(point.volume, anonymous=not wish.volume)
                if wish.copy:
                    await self._fill(row, wish.target, Path(point.source))
        return await self.rows.put(replace(row, state=ContainerState(status=Status.CREATED)))

    async def _fill(self, row: Container, target: str, volume: Path) -> None:
        """Copy what the image has at a mount point into a volume that is still empty."""
        if await on_disk(os.listdir, volume):
            return
        async with self.roots.held(row) as path:
            await on_disk(_copy, path, target, volume)


def _check_sources(wanted: Sequence[Wish]) -> None:
    for wish in wanted:
        if wish.type == BIND and not wish.create and not os.path.lexists(wish.source):
            raise InvalidInput(f'invalid mount config for type "bind": bind source path does not exist: {wish.source}')


def _make_directory(path: Path) -> None:
    """Make the missing source of a bind, as Docker does for `-v`; a file is as good as a directory."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)


def _copy(root_path: Path, target: str, volume: Path) -> None:
    with root_at(root_path) as root:
        try:
            descriptor = root.open(target, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            # By the number of the descriptor, which only this process's own /proc/PID knows: links cannot lead astray.
            run_checked(["cp", "-a", f"/proc/{os.getpid()}/fd/{descriptor}/.", str(volume)], timeout=_COPY_SECONDS)
        finally:
            os.close(descriptor)


def _hostname(identity: Id, request: ContainerRequest, donor: Container | None) -> str:
    if donor is not None:
        return donor.hostname
    if request.config.hostname:
        return request.config.hostname
    if request.host.network_mode == "host" or request.host.uts_mode == "host":
        return os.uname().nodename
    return short(identity)


def _network_mode(mode: str) -> str:
    return DEFAULT_NETWORK if mode in {"", "default"} else mode


def _sandbox_request(row: Container, request: ContainerRequest) -> SandboxRequest:
    return SandboxRequest(
        owner=row.id,
        name=row.name,
        hostname=row.hostname,
        endpoints=_endpoints(request),
        ports=request.host.ports,
        publish_all=request.host.publish_all,
        exposed=row.config.exposed,
        servers=tuple(map(parse_address, request.host.dns)),
        dns_options=request.host.dns_options,
    )


def _endpoints(request: ContainerRequest) -> Mapping[str, EndpointSpec]:
    """Return the endpoints by network, the one of the network mode first."""
    if request.config.network_disabled:
        return {"none": EndpointSpec()}
    main = _network_mode(request.host.network_mode)
    asked = {_network_mode(name): spec for name, spec in request.networks.items()}
    return {main: asked.pop(main, EndpointSpec()), **asked}
