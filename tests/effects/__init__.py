"""What the handlers of the inbox's tests do to a database, as an app of their own."""
