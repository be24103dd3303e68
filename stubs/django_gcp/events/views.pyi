from django.http import HttpRequest, HttpResponse
from django.views.generic import View

class GoogleCloudEventsView(View):
    def post(self, request: HttpRequest, event_kind: str, event_reference: str) -> HttpResponse: ...
