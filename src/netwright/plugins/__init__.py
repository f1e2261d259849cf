"""Docker's plugins: found by name, activated, and called over HTTP (docs.docker.com, "Docker Plugin API")."""
