"""What reads everything and changes nothing: why a packet arrives or does not, and which rules should stand."""
