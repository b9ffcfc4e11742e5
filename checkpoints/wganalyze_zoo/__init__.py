"""Reference trainers: the GANs of the literature, small, which write checkpoints."""
