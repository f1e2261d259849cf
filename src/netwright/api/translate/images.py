"""Images as they are listed and inspected, and which of them a filter wants. Pure."""

import re
import time
from collections.abc import Callable, Sequence

from msgspec import UNSET

from netwright.api.filters import Filters
from netwright.api.moments import nanoseconds, parse_moment, rfc3339, seconds
from netwright.api.translate.containers import DRIVER
from netwright.api.versions import SEVERAL_ENDPOINTS, STATUS, ApiVersion
from netwright.api.wire import images as wire
from netwright.api.wire.containers import Config, GraphDriver, Nothing
from netwright.containers.api import Deleted, Untagged
from netwright.model.container import Image

FILTERS = ("before", "dangling", "label", "label!", "reference", "since", "until")
"""What images may be filtered by."""


def chosen(images: Sequence[Image], filters: Filters, get: Callable[[str], Image]) -> list[Image]:
    """Return the images that pass; `get` finds those that others are to be older or younger than."""
    before = [nanoseconds_of(get(reference)) for reference in filters.get("before")]
    before += [parse_moment(text, time.time()) for text in filters.get("until")]
    since = [nanoseconds_of(get(reference)) for reference in filters.get("since")]
    return [
        image
        for image in images
        if all(nanoseconds_of(image) < bound for bound in before)
        and all(nanoseconds_of(image) > bound for bound in since)
        and _passes(image, filters)
    ]


def nanoseconds_of(image: Image) -> int:
    """Return when an image was made in nanoseconds since 1970; 0 where it does not say."""
    return 0 if image.created is None else nanoseconds(image.created)


def _passes(image: Image, filters: Filters) -> bool:
    dangling = filters.flag("dangling")
    if dangling is not None and dangling == bool(image.references):
        return False
    wanted = filters.get("reference")
    if wanted and not any(_refers(text, name) for text in wanted for name in image.references):
        return False
    return filters.labels(image.labels)


def _refers(pattern: str, name: str) -> bool:
    """Tell whether a pattern, in which `*` and `?` stop at slashes, means a name with or without its tag."""
    expression = "".join(
        {"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)
    )
    return any(re.fullmatch(expression, text) for text in (name, name.rpartition(":")[0]))


def show_summary(image: Image, version: ApiVersion) -> wire.ImageSummary:
    """Return an image in the list."""
    return wire.ImageSummary(
        id=image.id,
        repo_tags=list(image.references),
        repo_digests=list(image.digests),
        created=seconds(image.created),
        size=image.size,
        virtual_size=image.size if version < SEVERAL_ENDPOINTS else UNSET,
        labels=dict(image.labels) or None,
    )


def show_image(image: Image, version: ApiVersion) -> wire.ImageShown:
    """Return an image as inspected."""
    return wire.ImageShown(
        id=image.id,
        repo_tags=list(image.references),
        repo_digests=list(image.digests),
        parent="" if version < STATUS else UNSET,
        comment=image.comment or ("" if version < STATUS else UNSET),
        created=rfc3339(image.created),
        docker_version="" if version < STATUS else UNSET,
        author=image.author or ("" if version < STATUS else UNSET),
        config=_show_old_config(image) if version < STATUS else _show_config(image),
        architecture=image.architecture,
        os=image.os,
        size=image.size,
        virtual_size=image.size if version < SEVERAL_ENDPOINTS else UNSET,
        graph_driver=GraphDriver(data=None, name=DRIVER),
        root_fs=wire.RootFs(type="layers", layers=list(image.layers)),
    )


def _show_old_config(image: Image) -> Config:
    return Config(
        user=image.user,
        exposed_ports={str(port): Nothing() for port in image.exposed} or UNSET,
        env=list(image.environment),
        cmd=list(image.command) or None,
        volumes={path: Nothing() for path in image.volumes} or None,
        working_dir=image.directory,
        entrypoint=list(image.entrypoint) or None,
        labels=dict(image.labels),
        stop_signal=image.stop_signal or UNSET,
    )


def _show_config(image: Image) -> wire.ImageConfig:
    return wire.ImageConfig(
        user=image.user,
        exposed_ports={str(port): Nothing() for port in image.exposed} or None,
        env=list(image.environment) or None,
        cmd=list(image.command) or None,
        volumes={path: Nothing() for path in image.volumes} or None,
        working_dir=image.directory,
        entrypoint=list(image.entrypoint) or None,
        labels=dict(image.labels) or None,
        stop_signal=image.stop_signal,
    )


def show_removed(steps: Sequence[Untagged | Deleted]) -> list[wire.ImageRemoved]:
    """Return the steps of a removal."""
    return [
        wire.ImageRemoved(untagged=step.reference) if isinstance(step, Untagged) else wire.ImageRemoved(deleted=step.id)
        for step in steps
    ]
