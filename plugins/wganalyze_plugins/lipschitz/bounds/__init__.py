"""Upper bounds of a Lipschitz constant: the critic as a graph, the rules of its layers, and bounds by method."""
