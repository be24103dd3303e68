"""The catalogue: a page for the staff that says what the site can be sent, who handles it, how to send it, and what came lately.

It is an app of its own: "gcp_event_router.catalogue" in INSTALLED_APPS, and in the URLs

path("catalogue/", include("gcp_event_router.catalogue.urls"))
"""
