"""The ASGI application: `uvicorn shop.asgi:application`."""

from __future__ import annotations

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

# an example serves its own styles; a site has a bucket or WhiteNoise for that
application = ASGIStaticFilesHandler(get_asgi_application())
