"""Who computes the cells of a run: this process, or several."""
