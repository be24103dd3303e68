"""Filters of the pages in the catalogue and in the admin."""
