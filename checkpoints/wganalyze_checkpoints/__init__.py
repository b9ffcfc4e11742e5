"""The built-in loaders of wganalyze: one file per kind of file."""
