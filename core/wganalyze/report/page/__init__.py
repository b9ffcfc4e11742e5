"""A report as one page: a file that holds all it shows, and asks nobody for anything."""
