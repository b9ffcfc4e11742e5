"""Methods of training: losses with constraints and presets, in one table."""
