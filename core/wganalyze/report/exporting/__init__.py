"""A report in the formats of experiment trackers: one small file for each, whose library is imported inside."""
