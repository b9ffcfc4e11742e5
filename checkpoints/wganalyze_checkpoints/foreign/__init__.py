"""Files that no loader reads, by what they are: other frameworks, archives, failed downloads, and what lies beside."""
