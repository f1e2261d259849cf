"""The only package that touches the machine: netlink, namespaces, nftables, sysctls, sockets, processes."""
