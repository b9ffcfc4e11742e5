"""Reference trainers: the GANs of the literature, small, on data that need no download; they write checkpoints."""
