"""What the inbox and the outbox share: states of rows, the database's clock, conflicts, stored errors, and texts for people."""
