"""The routes of executions: further processes in running containers."""

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.hijack import converse
from netwright.api.routes.table import Route
from netwright.api.wire import containers as wire
from netwright.containers.api import ExecRequest, Executions
from netwright.errors import InvalidInput


class ExecutionRoutes:
    """Answers about executions."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("POST", "/containers/{id}/exec", self.create),
            Route("POST", "/exec/{id}/start", self.start),
            Route("POST", "/exec/{id}/resize", self.resize),
            Route("GET", "/exec/{id}/json", self.inspect),
        ]

    async def create(self, call: Call) -> web.StreamResponse:
        """Prepare an execution."""
        asked = await call.body(wire.ExecCreate)
        if not asked.cmd:
            raise InvalidInput("No exec command specified")
        size = asked.console_size or []
        request = ExecRequest(
            arguments=tuple(asked.cmd),
            environment=tuple(asked.env),
            directory=asked.working_dir,
            user=asked.user,
            tty=asked.tty,
            privileged=asked.privileged,
            attach_stdin=asked.attach_stdin,
            attach_stdout=asked.attach_stdout,
            attach_stderr=asked.attach_stderr,
            detach_keys=asked.detach_keys,
            console=(size[0], size[1]) if len(size) == 2 else (0, 0),
        )
        execution = await self._executions.create(call["id"], request)
        return answer(wire.Created(id=execution.id), 201)

    async def start(self, call: Call) -> web.StreamResponse:
        """Start an execution, and join the client to it unless it is to run detached."""
        asked = await call.body(wire.ExecStart, optional=True)
        session = await self._executions.start(call["id"], detach=asked.detach)
        return empty(200) if session is None else await converse(call.request, session, call.version)

    async def resize(self, call: Call) -> web.StreamResponse:
        """Set the size of an execution's terminal."""
        rows, columns = call.number("h", 0), call.number("w", 0)
        await self._executions.resize(call["id"], rows=rows or 0, columns=columns or 0)
        return empty(201)

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect an execution."""
        found = self._executions.get(call["id"])
        request = found.request
        return answer(
            wire.ExecShown(
                id=found.id,
                running=found.running,
                exit_code=found.exit_code,
                process_config=wire.ProcessConfig(
                    tty=request.tty,
                    entrypoint=request.arguments[0],
                    arguments=list(request.arguments[1:]),
                    privileged=request.privileged,
                    user=request.user,
                ),
                open_stdin=request.attach_stdin,
                open_stderr=request.attach_stderr,
                open_stdout=request.attach_stdout,
                can_remove=False,
                container_id=found.container,
                detach_keys=request.detach_keys,
                pid=found.pid,
            )
        )
