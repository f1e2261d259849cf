"""Names: the files a sandbox reads (hosts, resolv.conf) and, later, the resolver."""
