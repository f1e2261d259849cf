import pytest

from netwright.containers.spec.process import DEFAULT_PATH, merge, overlaid, process
from netwright.errors import InvalidInput
from netwright.model.container import ContainerConfig, HostSettings, Image
from netwright.model.ports import Port

Words = tuple[str, ...]


def image(command: Words = (), entrypoint: Words = ()) -> Image:
    return Image(
        id="sha256:1",
        references=(),
        created=None,
        size=0,
        architecture="amd64",
        os="linux",
        layers=(),
        command=command,
        entrypoint=entrypoint,
        environment=("A=image", "B=image"),
        directory="/srv",
        user="www",
        labels={"a": "image", "b": "image"},
        exposed=(Port.parse("80"),),
        volumes=("/data",),
        stop_signal="SIGINT",
    )


@pytest.mark.parametrize(
    ("command", "entrypoint", "arguments"),
    [
        (None, None, ("entry", "cmd")),
        (("own",), None, ("entry", "own")),
        (None, ("other",), ("other",)),
        (("own",), ("other",), ("other", "own")),
        (("own",), ("",), ("own",)),
    ],
)
def test_command_and_entrypoint_merge_as_in_docker(
    command: Words | None, entrypoint: Words | None, arguments: Words
) -> None:
    config = ContainerConfig(image="x", command=command, entrypoint=entrypoint)
    merged = merge(config, image(("cmd",), ("entry",)))
    assert process(merged, HostSettings(), hostname="h").arguments == arguments


def test_a_container_with_nothing_to_run_is_refused() -> None:
    for entrypoint in (None, ("",)):
        with pytest.raises(InvalidInput, match="no command specified"):
            merge(ContainerConfig(image="x", entrypoint=entrypoint), image())


def test_the_users_wishes_come_before_the_images() -> None:
    config = ContainerConfig(image="x", environment=("A=own",), labels={"a": "own"}, exposed=(Port.parse("81"),))
    merged = merge(config, image(("cmd",)))
    assert merged.environment == ("A=own", "B=image")
    assert merged.labels == {"a": "own", "b": "image"}
    assert [str(port) for port in merged.exposed] == ["81/tcp", "80/tcp"]
    assert (merged.directory, merged.user, merged.stop_signal) == ("/srv", "www", "SIGINT")
    assert merged.volumes == ("/data",)


def test_path_hostname_and_terminal_are_added_unless_set() -> None:
    merged = merge(ContainerConfig(image="x", tty=True, environment=("PATH=/own",)), image(("cmd",)))
    assert process(merged, HostSettings(), hostname="h").environment[:3] == ("PATH=/own", "HOSTNAME=h", "TERM=xterm")
    plain = process(merge(ContainerConfig(image="x"), image(("cmd",))), HostSettings(), hostname="h")
    assert plain.environment[0] == f"PATH={DEFAULT_PATH}"
    assert "TERM=xterm" not in plain.environment


def test_a_bare_name_takes_a_variable_away() -> None:
    assert overlaid(("A=1", "B=2"), ("A", "C=3")) == ("B=2", "C=3")


def test_with_init_the_command_runs_below_it() -> None:
    merged = merge(ContainerConfig(image="x", command=("ls",)), image())
    assert process(merged, HostSettings(init=True), hostname="h").arguments == ("/sbin/docker-init", "--", "ls")


def test_a_relative_working_directory_is_refused() -> None:
    with pytest.raises(InvalidInput, match="needs to be an absolute path"):
        merge(ContainerConfig(image="x", directory="srv"), image(("cmd",)))
