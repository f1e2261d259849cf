"""Names of containers: who sees which, in sandboxes and on the host."""
