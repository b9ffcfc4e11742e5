"""One snapshot, its samples and scores, and what analyzers share of them."""
