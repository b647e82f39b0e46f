"""Booking over HTTP."""

from services.booking.api.commands import router as commands
from services.booking.api.double_bookings import router as double_bookings
from services.booking.api.freed import router as freed
from services.booking.api.reads import router as reads
from services.booking.api.streams import router as streams

ROUTERS = (commands, freed, reads, double_bookings, streams)
