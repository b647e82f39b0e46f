"""Waitlist over HTTP."""

from services.waitlist.api.offers import router as offers
from services.waitlist.api.requests import router as requests

ROUTERS = (requests, offers)
