"""The receivers of a signal: how all of them are called for one event, whatever wraps them."""
