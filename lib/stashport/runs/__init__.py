"""Runs: where their state lives, who may write, what is told while they work, and what is left to read afterwards."""
