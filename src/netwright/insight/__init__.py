"""Reads everything, written to by none: what is so and why."""
