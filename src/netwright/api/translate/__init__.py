"""Between JSON shapes and facts, both ways. Pure."""
