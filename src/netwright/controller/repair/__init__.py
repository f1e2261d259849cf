"""What the rows say held against what the machine has: at the start, when asked, and when others undo our work."""
