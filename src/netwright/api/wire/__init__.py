"""JSON shapes of the Docker Engine API, one module a resource. No logic."""
