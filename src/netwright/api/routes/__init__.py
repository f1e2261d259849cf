"""The routes of the Docker Engine API as tables, one module a resource; each names the backend it needs."""
