"""Globs of kinds and of CloudEvents types: their grammar, matching and overlaps."""
