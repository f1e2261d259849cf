"""Containers, images and volumes: the enabler around the network engine, which knows nothing of it."""
