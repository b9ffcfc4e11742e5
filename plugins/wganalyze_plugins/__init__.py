"""The built-in analyzers and data sources of wganalyze."""
