import json
from datetime import UTC, datetime

import pytest

from netwright.containers.image_config import changed, compose, digest, parse
from netwright.errors import InvalidInput


def test_dockerfile_lines_change_an_image() -> None:
    shape = changed(
        [
            'CMD ["a", "b"]',
            "entrypoint run it",
            'ENV A=1 B="two words"',
            "ENV A changed",
            "EXPOSE 80 53/udp",
            "VOLUME /a /b",
            'VOLUME ["/c"]',
            "LABEL k=v",
            "WORKDIR /srv",
            "USER www",
            "STOPSIGNAL SIGINT",
            "",
        ]
    )
    image = parse(compose(shape, layer="sha256:1", architecture="amd64", created=datetime.now(UTC), message="m"))
    assert (image.command, image.entrypoint) == (("a", "b"), ("/bin/sh", "-c", "run it"))
    assert image.environment == ("B=two words", "A=changed")
    assert [str(port) for port in image.exposed] == ["80/tcp", "53/udp"]
    assert image.volumes == ("/a", "/b", "/c")
    assert (image.labels, image.directory, image.user) == ({"k": "v"}, "/srv", "www")
    assert (image.stop_signal, image.comment, image.layers) == ("SIGINT", "m", ("sha256:1",))


@pytest.mark.parametrize("line", ["RUN ls", "ENV", "LABEL a=b c", 'ENV a="b'])
def test_a_line_that_changes_nothing_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput):
        changed([line])


def test_the_id_is_the_digest_of_the_configuration() -> None:
    text = json.dumps(
        {"rootfs": {"diff_ids": ["sha256:1"]}, "config": None, "created": "2024-01-02T03:04:05.123456789Z"}
    )
    image = parse(text.encode())
    assert image.id == digest(text.encode())
    assert image.created == datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    with pytest.raises(InvalidInput):
        parse(b"[]")
