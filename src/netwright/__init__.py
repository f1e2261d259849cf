"""Netwright: Docker's network system as a stand-alone engine."""

__version__ = "0.1.0"
