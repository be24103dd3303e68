"""A small shop that lives on events."""
