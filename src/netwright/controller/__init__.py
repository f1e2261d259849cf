"""The only writers of network state: networks, endpoints, sandboxes, the firewall, reconciliation."""
