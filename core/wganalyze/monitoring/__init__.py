"""Networks in memory, analysed while they are trained."""
