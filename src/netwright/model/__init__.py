"""The facts: frozen dataclasses and the parsers that make them. Standard library only, no I/O."""
