"""A client of the API that says and hears JSON."""

from typing import Any

import msgspec
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient


class Http:
    """A client that says and hears JSON."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client

    async def call(self, method: str, path: str, body: object = None, /, **query: str) -> tuple[int, Any]:
        """Send a request and return the status and what the answer says."""
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self.client.request(method, path, data=data, headers=headers, params=query) as response:
            return response.status, await said(response)

    async def get(self, path: str, /, **query: str) -> Any:
        """Return what a GET answers; it must be 200."""
        status, value = await self.call("GET", path, **query)
        assert status == 200, value
        return value

    async def run(self, *words: str, name: str = "web", **body: object) -> str:
        """Make and start a container and return its id."""
        wish = {"Image": "busybox", "Cmd": list(words), **body}
        status, made = await self.call("POST", "/containers/create", wish, name=name)
        assert status == 201, made
        identity = str(made["Id"])
        assert (await self.call("POST", f"/containers/{identity}/start"))[0] == 204
        return identity


async def said(response: ClientResponse) -> Any:
    """Return an answer's JSON, or its bytes where it is none."""
    data = await response.read()
    return msgspec.json.decode(data) if response.content_type == "application/json" and data else data


def filters(**values: list[str]) -> str:
    """Return the parameter `filters`."""
    return msgspec.json.encode(values).decode()
