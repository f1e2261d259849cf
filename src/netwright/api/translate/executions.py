"""Executions between JSON and facts. Pure."""

from msgspec import UNSET

from netwright.api.translate.hostconfig import read_console
from netwright.api.wire import exec as wire
from netwright.containers.api import Exec, ExecRequest
from netwright.errors import InvalidInput


def read_exec(asked: wire.ExecCreate) -> ExecRequest:
    """Return the execution that is asked for. Raises InvalidInput."""
    if not asked.cmd:
        raise InvalidInput("No exec command specified")
    return ExecRequest(
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
        console=read_console(asked.console_size),
    )


def show_exec(execution: Exec) -> wire.ExecShown:
    """Return an execution as inspected."""
    request = execution.request
    return wire.ExecShown(
        id=execution.id,
        running=execution.running,
        exit_code=execution.exit_code,
        process_config=wire.ProcessConfig(
            tty=request.tty,
            entrypoint=request.arguments[0],
            arguments=list(request.arguments[1:]),
            privileged=request.privileged,
            user=request.user or UNSET,
        ),
        open_stdin=request.attach_stdin,
        open_stderr=request.attach_stderr,
        open_stdout=request.attach_stdout,
        can_remove=False,
        container_id=execution.container,
        detach_keys=request.detach_keys,
        pid=execution.pid,
    )
