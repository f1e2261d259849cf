"""The commands, one module for those that belong together; a module is imported when its command runs."""
