"""Stored samples in place of networks."""
