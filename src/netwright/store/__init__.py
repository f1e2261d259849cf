"""The desired state on disk: typed tables over SQLite, each change one transaction."""
