"""What the inbox and the outbox share: about rows, their database, and people who decide about them."""
