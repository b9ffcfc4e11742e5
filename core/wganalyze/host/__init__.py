"""Finding, checking and isolating plugins."""
