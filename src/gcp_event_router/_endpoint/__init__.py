"""HTTP in and out: the body of a request, the events in it, and the answer."""
