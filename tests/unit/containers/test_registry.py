"""What skopeo's complaints mean."""

import pytest

from netwright.containers.references import parse
from netwright.containers.registry import meaning
from netwright.errors import NotFound, SystemFailure


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("manifest unknown", NotFound, "manifest for r.example/a:1 not found: manifest unknown: manifest unknown"),
        ("unauthorized", NotFound, "pull access denied for r.example/a"),
        (
            'level=debug msg="x"\ntime="now" level=fatal msg="pinging \\"r\\": connection refused"',
            SystemFailure,
            'r.example/a:1 cannot be pulled: pinging "r": connection refused',
        ),
        ("no log line", SystemFailure, "r.example/a:1 cannot be pulled: no log line"),
        ("", SystemFailure, "r.example/a:1 cannot be pulled: skopeo said nothing"),
    ],
)
def test_a_complaint_is_told_in_one_sentence(said: str, kind: type[Exception], words: str) -> None:
    error = meaning(parse("r.example/a:1"), said)

    assert type(error) is kind
    assert str(error).startswith(words)
