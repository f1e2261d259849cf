"""Whose an address is: IPAM drivers and plugins, and what else on this host claims the same."""
