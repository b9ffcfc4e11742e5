"""Weights as arrays by name or in order, of frameworks that are not run here: npz files and Flax's msgpack."""
