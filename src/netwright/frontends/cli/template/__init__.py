"""Go's text/template, as far as `--format` needs it: `{{.Names}}`, `{{range}}`, `{{if}}`, `{{with}}`, pipelines.

`compile_template` reads a template once; `Template.render` fills it from any value. Left out are `define`, `template`,
`block` and `call`: no format of Docker's documentation uses them.
"""

from typing import NamedTuple

from netwright.frontends.cli.template.evaluate import run
from netwright.frontends.cli.template.nodes import Node, Value
from netwright.frontends.cli.template.parse import parse


class Template(NamedTuple):
    """A template that has been read."""

    nodes: tuple[Node, ...]

    def render(self, value: Value) -> str:
        """Return the template filled from a value. Raises CommandFailed where it asks for what is not there."""
        return run(self.nodes, value)


def compile_template(source: str) -> Template:
    """Read a template. Raises CommandFailed, which says where it is wrong."""
    return Template(parse(source))
