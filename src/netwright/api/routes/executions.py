"""The routes of executions: further processes in running containers."""

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.hijack import apologise, converse, take_over
from netwright.api.routes.table import Route
from netwright.api.translate.executions import read_exec, show_exec
from netwright.api.translate.hostconfig import read_console
from netwright.api.wire import exec as wire
from netwright.containers.api import Executions
from netwright.errors import NetwrightError


class ExecutionRoutes:
    """Answers about executions."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("POST", "/containers/{id...}/exec", self.create),
            Route("POST", "/exec/{id}/start", self.start, lasting=True),
            Route("POST", "/exec/{id}/resize", self.resize),
            Route("GET", "/exec/{id}/json", self.inspect),
        ]

    async def create(self, call: Call) -> web.StreamResponse:
        """Prepare an execution."""
        request = read_exec(await call.body(wire.ExecCreate))
        execution = await self._executions.create(call["id"], request)
        return answer(wire.Created(id=execution.id), 201)

    async def start(self, call: Call) -> web.StreamResponse:
        """Start an execution, and join the client to it unless it is to run detached."""
        asked = await call.body(wire.ExecStart, optional=True)
        request = self._executions.get(call["id"]).request
        self._executions.check(call["id"])
        if asked.detach:
            await self._executions.start(call["id"], detach=True)
            return empty(200)
        # The head goes out before the process starts: a client may lose output that comes in one piece with it, as the
        # docker SDK for Python does. What then fails is said in the stream, as Docker's daemon does.
        stream = take_over(call, tty=request.tty)
        try:
            session = await self._executions.start(call["id"])
            assert session is not None, "it is not to run detached"
            rows, columns = read_console(asked.console_size)
            if request.tty and rows and columns and (rows, columns) != request.console:
                await self._executions.resize(call["id"], rows=rows, columns=columns)
        except NetwrightError as error:
            return await apologise(stream, error, tty=request.tty)
        return await converse(stream, session, stdin=request.attach_stdin)

    async def resize(self, call: Call) -> web.StreamResponse:
        """Set the size of an execution's terminal."""
        rows, columns = call.number("h") or 0, call.number("w") or 0
        await self._executions.resize(call["id"], rows=rows, columns=columns)
        return empty(200)

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect an execution."""
        return answer(show_exec(self._executions.get(call["id"])))
