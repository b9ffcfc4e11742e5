"""The ground cost in blocks, and the c-transforms over them, by compiled loops or on a GPU."""
