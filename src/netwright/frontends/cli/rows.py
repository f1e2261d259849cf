"""Listings: rows of named fields, shown as a table, by a template, as JSON, or as bare names."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from netwright.frontends.cli.command import Call
from netwright.frontends.cli.document import Json, encode
from netwright.frontends.cli.flags import Flag, bad_value, switch
from netwright.frontends.cli.table import render

Field: TypeAlias = "str | Callable[[str], str]"
"""What a template finds under a name: a text, or something to be asked, such as `.Label "key"`."""

Row = Mapping[str, Field]

FORMAT = Flag("format", "Print by a template: json, 'table {{.ID}}\\t{{.Name}}', '{{json .}}', ...", takes="template")
JSON = switch("json", "Print the engine's whole answer as one JSON document")
NO_TRUNC = switch("no-trunc", "Do not shorten anything")
FILTER = Flag("filter", "Show only what matches, such as name=web", kind=FORMAT.kind.LIST, short="f", takes="filter")


class Listing(NamedTuple):
    """What a listing shows: the fields of its table with their headings, headings of further fields, and its name."""

    columns: Mapping[str, str]
    name: str
    further: Mapping[str, str] = {}


def show(call: Call, listing: Listing, rows: Sequence[Row], document: Json) -> int:
    """Print rows as the flags want it and return the exit code; `document` is what `--json` prints."""
    template = call.values.text("format")
    if call.values.on("json"):
        call.console.line(encode(document, indent=4 if call.console.is_terminal else None))
    elif call.values.on("quiet"):
        for row in rows:
            call.console.line(_plain(row, listing.name))
    elif template == "json":
        for row in rows:
            call.console.line(encode(plain_fields(row)))
    elif template in {"", "table"}:
        table = [list(listing.columns.values())]
        table += [[_plain(row, field) for field in listing.columns] for row in rows]
        _print_table(call, table)
    else:
        _by_template(call, listing, rows, template)
    return 0


def filters(values: Sequence[str]) -> str | None:
    """Return `key=value` filters in the API's form, or None where there are none. Raises CommandFailed."""
    if not values:
        return None
    found: dict[str, dict[str, bool]] = {}
    for value in values:
        key, equals, wanted = value.partition("=")
        if not equals:
            raise bad_value("-f, --filter", value, "bad format of filter (expected name=value)")
        found.setdefault(key.strip().lower(), {})[wanted.strip()] = True
    return encode({key: list(wanted) for key, wanted in found.items()})


def labels(values: Mapping[str, Json]) -> dict[str, Field]:
    """Return the fields that show labels: `.Labels`, and `.Label "key"`."""
    texts = {key: value if isinstance(value, str) else encode(value) for key, value in values.items()}
    joined = ",".join(f"{key}={value}" for key, value in sorted(texts.items()))
    return {"Labels": joined, "Label": lambda key: texts.get(key, "")}


def plain_fields(row: Row) -> "dict[str, Json]":
    """Return the fields of a row that are texts, for JSON."""
    return {name: value for name, value in sorted(row.items()) if isinstance(value, str)}


def short_id(identity: str, call: Call) -> str:
    """Return an id as a listing shows it: its first twelve digits unless `--no-trunc`."""
    return identity if call.values.on("no-trunc") else identity.removeprefix("sha256:")[:12]


def _plain(row: Row, field: str) -> str:
    value = row[field]
    return value if isinstance(value, str) else ""


def _by_template(call: Call, listing: Listing, rows: Sequence[Row], template: str) -> None:
    from netwright.frontends.cli.template import compile_template

    as_table = template.startswith("table ")
    source = template.removeprefix("table ").strip() if as_table else template
    # Docker lets people write these two in single quotes of the shell.
    compiled = compile_template(source.replace("\\t", "\t").replace("\\n", "\n"))
    lines = [compiled.render(row) for row in rows]
    if not as_table:
        for line in lines:
            call.console.line(line)
        return
    known = {**listing.further, **listing.columns}
    heading: Row = {**{name: name.upper() for row in rows for name in row}, **known, "Label": _label_heading}
    _print_table(call, [line.split("\t") for line in (compiled.render(heading), *lines)])


def _print_table(call: Call, rows: Sequence[Sequence[str]]) -> None:
    width = None if call.values.on("no-trunc") else call.console.width
    for line in render(rows, width):
        call.console.line(line.rstrip())


def _label_heading(key: str) -> str:
    return key.rpartition(".")[2].replace("-", " ").replace("_", " ")
