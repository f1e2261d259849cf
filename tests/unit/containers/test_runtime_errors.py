import pytest

from netwright.containers.runtime_errors import of_create, of_exec, plain
from netwright.errors import InvalidInput, SystemFailure

RUNC = (
    'time="2026-11-24T13:55:56Z" level=error msg="runc create failed: unable to start container process: '
    'exec: \\"nosuch\\": executable file not found in $PATH"\n'
)


def test_the_sentence_is_taken_out_of_runcs_log_line() -> None:
    failure = of_create(RUNC)
    assert isinstance(failure.error, InvalidInput)
    assert str(failure.error) == (
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create "
        'failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown'
    )
    assert failure.code == 127


def test_crun_says_the_same_in_runcs_words() -> None:
    assert plain("executable file `x` not found in $PATH: No such file or directory").startswith('exec: "x": exec')


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ('exec: "/etc": permission denied', InvalidInput, 126),
        ('exec: "/etc": is a directory', InvalidInput, 126),
        ("mount /x: not a directory", InvalidInput, 127),
        ("something else", SystemFailure, 128),
    ],
)
def test_the_exit_code_follows_dockers_reading(text: str, kind: type[Exception], code: int) -> None:
    failure = of_exec(text)
    assert isinstance(failure.error, kind)
    assert failure.code == code
