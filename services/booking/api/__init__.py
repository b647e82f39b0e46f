"""Booking over HTTP."""

from services.booking.api.alternatives import router as alternatives
from services.booking.api.cancellations import router as cancellations
from services.booking.api.commands import router as commands
from services.booking.api.disruptions import router as disruptions
from services.booking.api.double_bookings import router as double_bookings
from services.booking.api.freed import router as freed
from services.booking.api.reads import router as reads
from services.booking.api.series import router as series
from services.booking.api.streams import router as streams
from services.booking.api.taking import router as taking

ROUTERS = (
    taking, commands, freed, reads, double_bookings, streams, series, cancellations, disruptions, alternatives,
)  # fmt: skip
