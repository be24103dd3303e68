"""A site whose transactions publish events that it receives itself, as an app of its own; `relay_chaos` runs and kills it."""
