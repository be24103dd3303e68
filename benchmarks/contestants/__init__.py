"""What `side_by_side` compares: one Django project in which each contestant writes the same row for the same event."""
