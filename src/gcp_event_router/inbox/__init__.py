"""The inbox, an optional Django app: it stores events, does each handler's work once, and can run failed deliveries again.

The core does not import it. At start-up, the app plugs itself in with `_dispatch.store.set_store`.
"""
