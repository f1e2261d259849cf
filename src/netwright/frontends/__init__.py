"""The doors: daemon and command line."""
