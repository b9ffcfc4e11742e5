"""From parts to ordered snapshots."""
