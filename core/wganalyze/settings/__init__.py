"""Everything that a user can say."""
