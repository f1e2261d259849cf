"""Published ports: choosing host ports (pure) and relaying the few that the kernel cannot forward."""
