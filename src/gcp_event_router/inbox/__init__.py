"""The inbox, an optional Django app: events are kept, each handler's work is done once, and what failed can be run again.

The core does not import it. It makes itself known to the core when Django starts, by `keepers.set_store`.
"""
