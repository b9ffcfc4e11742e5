"""Pickles read without being run."""
