"""What both boxes share in Django's admin: `pages` of one row, `lists` of rows, and the `parts` of which they consist."""
