"""Critics as graphs: what each node is, and where its numbers lie over a box."""
