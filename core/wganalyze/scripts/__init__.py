"""From a script of the user's to the definitions in it."""
