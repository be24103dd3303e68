"""The catalogue, for the staff: the events that the site accepts, their handlers, how to send them, and the last deliveries.

It is an optional app: add "gcp_event_router.catalogue" to INSTALLED_APPS, and to the URLs

path("catalogue/", include("gcp_event_router.catalogue.urls"))
"""
