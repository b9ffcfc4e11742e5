"""The product of norms along a graph: affine parts as one operator each, and rules for parts that join."""
