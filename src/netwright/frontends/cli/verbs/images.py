"""`images`, `rmi`, `tag`."""

from collections.abc import Iterator

from netwright.frontends.cli.client import Query
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, items, mapping, number, text, texts
from netwright.frontends.cli.failures import EngineRefused
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.images import split_name
from netwright.frontends.cli.moments import shown, since
from netwright.frontends.cli.outcome import for_each
from netwright.frontends.cli.quantities import decimal_size
from netwright.frontends.cli.rows import FILTER, FORMAT, JSON, NO_TRUNC, Listing, Row, filters, labels, short_id, show

_NONE = "<none>"
_COLUMNS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "Size": "SIZE",
}


def _list(call: Call) -> int:
    values = call.values
    wanted = [*values.many("filter"), *(f"reference={name}" for name in call.arguments)]
    found = items(call.engine.get("/images/json", {"all": values.on("all") or None, "filters": filters(wanted)}))
    columns = _COLUMNS
    if values.on("digests"):
        columns = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", **_COLUMNS}
    rows = [row for image in found for row in _rows(call, image)]
    if values.on("quiet"):
        rows = list({row["ID"]: row for row in rows}.values())
    listing = Listing(columns, name="ID", further={"CreatedAt": "CREATED AT", "Digest": "DIGEST"})
    return show(call, listing, rows, found)


def _rows(call: Call, image: Json) -> Iterator[Row]:
    """Yield a row for each name of an image, or one for an image that has lost its name."""
    names = texts(image, "RepoTags") or [f"{_NONE}:{_NONE}"]
    digests = dict(digest.split("@", 1) for digest in texts(image, "RepoDigests") if "@" in digest)
    created = number(image, "Created")
    for name in names:
        repository, tag = split_name(name)
        yield {
            "ID": short_id(text(image, "Id"), call),
            "Repository": repository,
            "Tag": tag or _NONE,
            "Digest": digests.get(repository, _NONE),
            "CreatedSince": since(created) if created > 0 else "N/A",
            "CreatedAt": shown(created),
            "Size": decimal_size(number(image, "Size")),
            "Containers": str(number(image, "Containers")) if number(image, "Containers") >= 0 else "N/A",
            **labels(mapping(image, "Labels")),
        }


def _remove(call: Call) -> int:
    query: Query = {"force": call.values.on("force") or None, "noprune": call.values.on("no-prune") or None}

    def remove(name: str) -> str:
        try:
            gone = items(call.engine.delete(f"/images/{name}", query))
        except EngineRefused as refusal:
            if refusal.status == 404 and call.values.on("force"):
                return f"Error response from daemon: {refusal.reason}"
            raise
        return "\n".join(
            f"Untagged: {text(one, 'Untagged')}" if text(one, "Untagged") else f"Deleted: {text(one, 'Deleted')}"
            for one in gone
        )

    return for_each(call, remove)


def _tag(call: Call) -> int:
    source, target = call.arguments
    repository, tag = split_name(target)
    call.engine.post(f"/images/{source}/tag", {"repo": repository, "tag": tag or "latest"})
    return 0


LS = Command(
    "[OPTIONS] [REPOSITORY[:TAG]]",
    _list,
    (
        Example("images", "list all images"),
        Example("images busybox", "only those of this name"),
        Example("images -f dangling=true -q", "ids of those that have lost their name"),
    ),
    flags=(
        switch("all", "Show all images", "a"),
        switch("digests", "Show digests"),
        FILTER,
        FORMAT,
        JSON,
        NO_TRUNC,
        switch("quiet", "Print only ids", "q"),
    ),
    most=1,
    offers=("images",),
)
RM = Command(
    "[OPTIONS] IMAGE [IMAGE...]",
    _remove,
    (Example("rmi busybox:1.35", "take this name away, and the image if it was the last"),),
    flags=(
        switch("force", "Remove it even if stopped containers were made from it", "f"),
        switch("no-prune", "Keep parents that have no name"),
    ),
    least=1,
    most=None,
    offers=("images",),
)
TAG = Command(
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    _tag,
    (Example("tag busybox 127.0.0.1:5000/busybox:tested", "give it one more name"),),
    least=2,
    most=2,
    offers=("images",),
)
