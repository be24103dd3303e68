"""The catalogue: a page for the staff that says what the site can be sent, who handles it, how to send it, and what came lately.

path("catalogue/", include("gcp_event_router.catalogue.urls"))
"""
