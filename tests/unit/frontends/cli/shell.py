"""The command line, run within the test's own process against a fake engine."""

import io
from dataclasses import dataclass
from pathlib import Path

from tests.unit.frontends.cli.fake_engine import FakeEngine

from netwright.frontends.cli.console import Console
from netwright.frontends.cli.dispatch import dispatch


@dataclass
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Wide(io.TextIOWrapper):
    """An output that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def netwright(engine: FakeEngine | None, *words: str, terminal: bool = False) -> Result:
    """Run a command line and return what came of it."""
    out, err = io.BytesIO(), io.BytesIO()
    kind = Wide if terminal else io.TextIOWrapper
    console = Console(kind(out, encoding="utf-8"), io.TextIOWrapper(err, encoding="utf-8"))
    host = ("-H", engine.host) if engine is not None else ()
    code = dispatch([*host, *words], console)
    console.flush()
    return Result(code, out.getvalue().decode(), err.getvalue().decode())


def absent(folder: Path) -> str:
    """Return the address of an engine that does not run."""
    return f"unix://{folder}/none.sock"
