"""Requests made from an OpenAPI document: what it allows, and what lies just beside it.

What schemathesis would do, on hypothesis alone: of each operation every part is drawn in turn, well formed after its
schema or broken in one of the ways that servers have been broken by. Well formed requests name what is there, so that
they get past the first check.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

TEXTS = (
    "", "web", "blue", "0", "1", "-1", "none", "host", "bridge", "container:web", "80/tcp", "-1/udp", "tcp/80",
    "192.0.2.0/24", "::/0", "0.0.0.0", "sha256:0", "{}", "[]", "null", '{"name":["web"]}', '{"name":{"web":true}}',
    '{"until":["x"]}', "1e400", "99999999999999999999", "\0", "a\0b", "../../etc/passwd", "%2e%2e", "\r\nX: y",
    "\u202e\ufeff", "\U0001f4a5", "a" * 5000,
)  # fmt: skip
KNOWN: Mapping[str, Sequence[str]] = {
    "id": ("web", "blue", "bridge", "stopped"),
    "name": ("web", "busybox", "named", "blue"),
    "NetworkMode": ("blue", "bridge", "none"),
    "Image": ("busybox",),
    "Container": ("web", "stopped"),
    "Driver": ("bridge", "local", ""),
}
"""What is there, by the name of the parameter or the property that may mean it."""

_NUMBERS = (0, 1, -1, 65535, 65536, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 1.5, 1e308)


@dataclass(frozen=True)
class Request:
    """One request; `body` is sent as it is."""

    method: str
    path: str
    body: bytes | None
    content_type: str = "application/json"


def operations(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return method, path and description of every operation."""
    return [
        (method.upper(), path, operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    ]


def requests(
    document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]
) -> st.SearchStrategy[Request]:
    """Return the requests for one operation."""
    schemas = document["components"]["schemas"]

    @st.composite
    def one(draw: st.DrawFn) -> Request:
        filled, query = path, []
        for parameter in operation["parameters"]:
            name = parameter["name"]
            if parameter["in"] == "path":
                value = draw(st.sampled_from(KNOWN.get(name, ("web",)))) if draw(_mostly) else draw(_texts) or "x"
                filled = filled.replace(f"{{{name}}}", quote(value, safe=""))
            elif draw(st.booleans()):
                query.append(f"{name}={quote(draw(_texts), safe='')}")
        target = f"/v1.52{filled}{'?' if query else ''}{'&'.join(query)}"
        return Request(method, target, *_body(draw, operation.get("requestBody"), schemas))

    return one()


_mostly = st.sampled_from((True, True, True, False))
_texts = st.sampled_from(TEXTS)


def _body(draw: st.DrawFn, said: Mapping[str, Any] | None, schemas: Mapping[str, Any]) -> tuple[bytes | None, str]:
    if said is None:
        return None, ""
    ((kind, content),) = said["content"].items()
    if kind != "application/json":
        return draw(st.binary(max_size=2000)), kind
    value = draw(values(content["schema"], schemas))
    text = json.dumps(value).encode()
    way = draw(st.sampled_from(("whole", "whole", "whole", "cut", "not UTF-8", "another type")))
    if way == "cut":
        text = text[: len(text) // 2]
    elif way == "not UTF-8":
        text = b"\xff" + text
    return text, "text/plain" if way == "another type" else kind


def values(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "", depth: int = 0
) -> st.SearchStrategy[Any]:
    """Return values after a schema, of which some are of another type."""
    if depth > 6:
        return st.none()
    right = _right(schema, schemas, name, depth)
    return st.one_of(right, right, right, right, _wrong) if depth else right


_wrong = st.one_of(
    st.none(), _texts, st.sampled_from(_NUMBERS), st.just([]), st.just({}), st.just([[[{}]]]), st.booleans()
)


def _right(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str, depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return values(schemas[schema["$ref"].rpartition("/")[2]], schemas, name, depth + 1)
    if "anyOf" in schema:
        return st.one_of([values(option, schemas, name, depth) for option in schema["anyOf"]])
    match schema.get("type"):
        case "object" if "properties" in schema:
            properties = {key: values(inner, schemas, key, depth + 1) for key, inner in schema["properties"].items()}
            return st.fixed_dictionaries({}, optional=properties)
        case "object":
            inner = schema.get("additionalProperties")
            entry = values(inner, schemas, name, depth + 1) if isinstance(inner, dict) else _wrong
            return st.dictionaries(_texts, entry, max_size=3)
        case "array":
            return st.lists(values(schema.get("items", {}), schemas, name, depth + 1), max_size=3)
        case "string":
            return st.one_of(st.sampled_from(KNOWN[name]), _texts) if name in KNOWN else _texts
        case "integer" | "number":
            return st.sampled_from(_NUMBERS)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return _wrong
