import pytest

from netwright.containers.references import parse
from netwright.errors import InvalidInput

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("user/app", "docker.io/user/app:latest", "user/app:latest"),
        ("docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("127.0.0.1:5000/a/b:2", "127.0.0.1:5000/a/b:2", "127.0.0.1:5000/a/b:2"),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}", f"busybox@{DIGEST}"),
    ],
)
def test_a_name_is_read_in_full_and_shown_short(text: str, full: str, familiar: str) -> None:
    reference = parse(text)
    assert (reference.full, reference.familiar) == (full, familiar)


@pytest.mark.parametrize("text", ["", "Upper", "a//b", "a:b:c", "-a", "a:", "a@sha256:12", "a" * 64, "a:-x", "a\n"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="invalid re"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "local"),
    [("localhost:5000/a", True), ("127.9.9.9/a", True), ("[::1]:5000/a", True), ("example.org/a", False), ("a", False)],
)
def test_registries_on_this_host_need_no_tls(text: str, local: bool) -> None:
    assert parse(text).is_local is local
