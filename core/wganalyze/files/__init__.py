"""From a path to the parts of its files."""
