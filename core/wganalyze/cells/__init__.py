"""One cell, a snapshot under an analyzer: its key, and how it is measured."""
