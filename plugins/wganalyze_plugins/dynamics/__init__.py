"""What training does from a snapshot on: probes, gradients after more critic steps, and what a generator forgets."""
