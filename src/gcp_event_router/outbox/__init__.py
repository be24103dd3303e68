"""The outbox: a Django app that keeps published events until they are sent. `docs/guides/outbox.md` describes it."""
