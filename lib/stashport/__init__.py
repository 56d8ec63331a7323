"""Stash Port: makes a Stash library portable and safe."""

__version__ = "0.1.0"
