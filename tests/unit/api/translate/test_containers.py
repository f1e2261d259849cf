"""Containers as they are inspected and listed: whole answers stand in tests/golden/api."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.api.examples import attachment, published, web
from tests.unit.api.fake_images import MADE
from tests.unit.api.fake_networks import network
from tests.unit.api.fakes import FakeEngine
from tests.unit.api.golden import agrees

from netwright.api.translate.containers import Shown, show_container, show_summary, status_text
from netwright.api.versions import ApiVersion
from netwright.model.container import ContainerState, Status
from netwright.model.names import Id
from netwright.model.network import EndpointSpec

NOW = MADE.timestamp() + 125


def shown_of(*, status: Status = Status.RUNNING) -> Shown:
    """Return a container on the default bridge and on a network of its user's."""
    engine, row = FakeEngine(), web(status=status)
    is_open = status is Status.RUNNING
    mine = attachment(is_open=is_open, joined=network("mine", number=5), spec=EndpointSpec(aliases=("www",)))
    engine.sandboxes.items[row.sandbox] = [published(attachment(is_open=is_open)), mine]
    return engine.show(row)


@pytest.mark.parametrize("minor", [41, 44, 51])
@pytest.mark.parametrize("status", [Status.RUNNING, Status.EXITED])
def test_inspect_is_as_docker_shows_it(status: Status, minor: int) -> None:
    agrees(f"inspect-{status}-{minor}", show_container(shown_of(status=status), ApiVersion(1, minor)))


def test_a_line_of_the_list_is_as_docker_shows_it() -> None:
    agrees("list-running-51", show_summary(shown_of(), ApiVersion(1, 51), NOW))


def test_who_is_in_anothers_network_stack_shows_none_of_its_own() -> None:
    engine, row = FakeEngine(), replace(web(), joins=Id("0e" * 32))
    engine.sandboxes.items[row.sandbox] = [published(attachment())]

    settings = show_container(engine.show(row), ApiVersion(1, 51)).network_settings

    assert (settings.networks, settings.ports) == ({}, {})
    assert (settings.sandbox_id, settings.sandbox_key) == ("", "")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ContainerState(status=Status.CREATED), "Created"),
        (ContainerState(status=Status.RUNNING, started=MADE), "Up 2 minutes"),
        (ContainerState(status=Status.EXITED, exit_code=3, finished=MADE), "Exited (3) 2 minutes ago"),
        (
            ContainerState(status=Status.RESTARTING, exit_code=1, finished=MADE + timedelta(seconds=124)),
            "Restarting (1) 1 second ago",
        ),
        (ContainerState(status=Status.REMOVING), "Removal In Progress"),
        (ContainerState(status=Status.DEAD), "Dead"),
    ],
)
def test_the_state_is_in_dockers_words(state: ContainerState, text: str) -> None:
    assert status_text(state, NOW) == text
