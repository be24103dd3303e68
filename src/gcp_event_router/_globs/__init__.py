"""The globs that match kinds and CloudEvents types: one grammar, matching, and how patterns overlap."""
