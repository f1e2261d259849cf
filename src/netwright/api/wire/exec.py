"""JSON shapes of executions."""

from msgspec import UNSET, UnsetType, field

from netwright.api.wire.shape import Shape


class ExecCreate(Shape, kw_only=True):
    """The body of POST /containers/{id}/exec."""

    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[int] | None = None
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach: bool = False
    detach_keys: str = ""
    env: list[str] = field(default_factory=list)
    working_dir: str = ""
    cmd: list[str] = field(default_factory=list)


class ExecStart(Shape, kw_only=True):
    """The body of POST /exec/{id}/start."""

    detach: bool = False
    tty: bool = False
    console_size: list[int] | None = None


class Created(Shape, kw_only=True):
    """The id of something new."""

    id: str


class ProcessConfig(Shape, kw_only=True):
    """The process of an execution; these keys alone are lower case in Docker's API."""

    tty: bool = field(name="tty")
    entrypoint: str = field(name="entrypoint")
    arguments: list[str] = field(name="arguments")
    privileged: bool = field(name="privileged")
    user: str | UnsetType = field(default=UNSET, name="user")


class ExecShown(Shape, kw_only=True):
    """An execution as inspected."""

    id: str = field(name="ID")
    running: bool
    exit_code: int | None
    process_config: ProcessConfig
    open_stdin: bool
    open_stderr: bool
    open_stdout: bool
    can_remove: bool
    container_id: str = field(name="ContainerID")
    detach_keys: str
    pid: int
