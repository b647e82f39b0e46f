"""What the routes of a running booking service work with, put on ``app.state.booking`` when it starts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request

from services.booking.usecases.answering import AnswerDisruptions
from services.booking.usecases.cancelling import LateCancellations
from services.booking.usecases.changing import ChangeAppointments
from services.booking.usecases.double_bookings import ReadDoubleBookings
from services.booking.usecases.following import Broadcaster
from services.booking.usecases.keeping import KeepFreedSlots
from services.booking.usecases.overseeing import OverseeDisruptions
from services.booking.usecases.reading import ReadAppointments
from services.booking.usecases.recurring import Series
from services.booking.usecases.taking import TakeSlots
from services.kernel.aliases import Aliases


@dataclass(frozen=True, slots=True)
class Booking:
    """The use cases and the few numbers routes need."""

    take: TakeSlots
    change: ChangeAppointments
    keep: KeepFreedSlots
    read: ReadAppointments
    double_bookings: ReadDoubleBookings
    aliases: Aliases
    broadcast: Broadcaster
    series: Series
    late: LateCancellations
    oversee: OverseeDisruptions
    answer: AnswerDisruptions
    hold: timedelta
    longest_hold: timedelta
    stream_seconds: float
    heartbeat_seconds: float


async def _booking(request: Request) -> Booking:
    parts: Booking = request.app.state.booking
    return parts


BookingDep = Annotated[Booking, Depends(_booking)]
