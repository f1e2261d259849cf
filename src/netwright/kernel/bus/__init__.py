"""The system's D-Bus: programs on it that may come, go and hang as they like."""
