"""Names: the files that a sandbox reads (resolv.conf, hosts) and, later, the embedded resolver."""
