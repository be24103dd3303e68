"""Models of the payloads that Google itself sends, a module a product.

Nothing is imported here, so that a project pays for the products that it names and for no other:
`from gcp_event_router.google.storage import StorageObjectData`. `catalogue` knows which CloudEvents type carries which model,
and `base` what the models have in common.

Facts: the protos of googleapis/google-cloudevents and, for senders that have none, the page that each module names.
"""

from __future__ import annotations

__all__: list[str] = []
