"""Plugins without sockets: an account that is asked directly, step by step."""

import asyncio
from typing import TypeVar

import msgspec
from tests.fakes.ipam_plugin import Account, Refused
from tests.fakes.steps import Steps

from netwright.plugins.api import PluginUnreachable, Wire

T = TypeVar("T", bound=Wire)


class FakePlugins:
    """One IPAM plugin of any name, in memory: `plugins.api.Plugins`, and its one `Plugin`. It outlives the engines."""

    name = "acme"

    def __init__(self, account: Account, steps: Steps) -> None:
        self.account = account
        self.steps = steps

    async def get(self, name: str, subsystem: str) -> "FakePlugins":
        """Return the plugin."""
        return self

    async def call(self, method: str, request: Wire | None, answer: type[T], *, insist: bool = True) -> T:
        """Carry a request out: a step, which fails as if nobody listened."""
        await asyncio.sleep(0)
        self.steps.take(method, PluginUnreachable)
        asked = {} if request is None else msgspec.json.decode(msgspec.json.encode(request))
        try:
            said = self.account.answer(method, asked)
        except Refused as refusal:
            said = {"Error": str(refusal)}
        await asyncio.sleep(0)
        return msgspec.convert(said, answer)
