"""From stored weights to running networks."""
