"""What a plugin sees, all of it, and nothing else."""
