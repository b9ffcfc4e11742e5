"""Tables as data: typed columns, categories one-hot, scaling that is said."""
