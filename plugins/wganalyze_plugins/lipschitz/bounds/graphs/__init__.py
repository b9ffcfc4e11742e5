"""Bounds of critics of any graph: a linear map, and the activations that are fed back to it."""
