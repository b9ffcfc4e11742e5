"""A request carried out."""
