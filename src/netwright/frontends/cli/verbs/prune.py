"""`prune`, of each kind and of all."""

from collections.abc import Callable
from typing import NamedTuple

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, items, number, text
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.quantities import decimal_size
from netwright.frontends.cli.rows import FILTER, filters


class _Kind(NamedTuple):
    """What is pruned: the path of the API, the key of its answer, the heading of the list, what goes in words."""

    path: str
    key: str
    heading: str
    words: str


_CONTAINERS = _Kind("containers", "ContainersDeleted", "Deleted Containers:", "all stopped containers")
_NETWORKS = _Kind("networks", "NetworksDeleted", "Deleted Networks:", "all networks not used by at least one container")
_VOLUMES = _Kind(
    "volumes", "VolumesDeleted", "Deleted Volumes:", "anonymous local volumes not used by at least one container"
)
_IMAGES = _Kind("images", "ImagesDeleted", "Deleted Images:", "all dangling images")
_ALL_IMAGES = _IMAGES._replace(words="all images without at least one container associated to them")
_ALL_VOLUMES = _VOLUMES._replace(words="all local volumes not used by at least one container")


class _Pruned(NamedTuple):
    """What went, as lines, and how many bytes that gave back."""

    lines: list[str]
    reclaimed: int


def _prune(call: Call, kind: _Kind, extra: tuple[str, ...] = ()) -> _Pruned:
    wanted = {"filters": filters([*call.values.many("filter"), *extra])}
    answer = call.engine.post(f"/{kind.path}/prune", wanted)
    gone = [_line(one) for one in items(answer, kind.key)]
    return _Pruned([kind.heading, *gone, ""] if gone else [], number(answer, "SpaceReclaimed"))


def _line(one: Json) -> str:
    if isinstance(one, str):
        return one
    untagged = text(one, "Untagged")
    return f"untagged: {untagged}" if untagged else f"deleted: {text(one, 'Deleted')}"


def _asked(call: Call, kinds: list[_Kind]) -> bool:
    if call.values.on("force"):
        return True
    if len(kinds) == 1:
        warning = f"WARNING! This will remove {kinds[0].words}."
    else:
        warning = "WARNING! This will remove:\n" + "\n".join(f"  - {kind.words}" for kind in kinds) + "\n"
    return call.console.ask(f"{warning}\nAre you sure you want to continue?")


def _one_kind(kind: _Kind) -> Callable[[Call], int]:
    def prune(call: Call) -> int:
        widened = kind in {_IMAGES, _VOLUMES} and call.values.on("all")
        chosen, extra = _with_all(kind) if widened else (kind, ())
        if not _asked(call, [chosen]):
            return 0
        _show(call, [_prune(call, chosen, extra)], with_space=kind != _NETWORKS)
        return 0

    return prune


def _with_all(kind: _Kind) -> tuple[_Kind, tuple[str, ...]]:
    return (_ALL_IMAGES, ("dangling=false",)) if kind == _IMAGES else (_ALL_VOLUMES, ("all=true",))


def _system(call: Call) -> int:
    images, extra = _with_all(_IMAGES) if call.values.on("all") else (_IMAGES, ())
    kinds = [_CONTAINERS, _NETWORKS, *([_VOLUMES] if call.values.on("volumes") else []), images]
    if _asked(call, kinds):
        _show(call, [_prune(call, kind, extra if kind == images else ()) for kind in kinds])
    return 0


def _show(call: Call, pruned: list[_Pruned], *, with_space: bool = True) -> None:
    for line in (line for one in pruned for line in one.lines):
        call.console.line(line)
    if with_space:
        call.console.line(f"Total reclaimed space: {decimal_size(sum(one.reclaimed for one in pruned))}")


_FORCE = switch("force", "Do not ask", "f")
_FILTER = FILTER._replace(short="", summary="Remove only what matches, such as until=24h or label=key")


def _command(kind: _Kind, example: Example, *more: Flag) -> Command:
    return Command("[OPTIONS]", _one_kind(kind), (example,), flags=(*more, _FILTER, _FORCE))


CONTAINERS = _command(_CONTAINERS, Example("container prune --filter until=24h", "remove what ended a day ago"))
NETWORKS = _command(_NETWORKS, Example("network prune -f", "remove networks that no container uses"))
VOLUMES = _command(
    _VOLUMES,
    Example("volume prune", "remove anonymous volumes that no container uses"),
    switch("all", "Remove named ones too", "a"),
)
IMAGES = _command(
    _IMAGES,
    Example("image prune -a", "remove images that no container uses"),
    switch("all", "Remove all unused images, not only those without a name", "a"),
)
SYSTEM = Command(
    "[OPTIONS]",
    _system,
    (Example("system prune --volumes", "remove all that is not used, anonymous volumes too"),),
    flags=(
        switch("all", "Remove all unused images, not only those without a name", "a"),
        _FILTER,
        _FORCE,
        switch("volumes", "Remove anonymous volumes too"),
    ),
)
