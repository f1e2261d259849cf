"""What the firewall is told of the state, and what of the host it depends on."""
