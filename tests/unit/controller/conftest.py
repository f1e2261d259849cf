"""Every test of the controller begins with the same ids."""

import pytest
from tests.unit.controller.world import IDS


@pytest.fixture(autouse=True)
def _same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.model.names.secrets.token_hex", IDS.token_hex)
