"""Whole answers, kept as files: `NETWRIGHT_UPDATE_GOLDEN=1 pytest` writes them anew, to be read before they stay."""

import json
import os
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).resolve().parents[2] / "golden" / "api"


def agrees(name: str, shown: object) -> None:
    """Assert that an answer is what its file says, key for key."""
    text = json.dumps(msgspec.to_builtins(shown), indent=1, sort_keys=True) + "\n"
    file = _FOLDER / f"{name}.json"
    if os.environ.get("NETWRIGHT_UPDATE_GOLDEN"):
        file.write_text(text)

    assert json.loads(text) == json.loads(file.read_text())
