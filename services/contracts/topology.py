"""Which events exist, who takes them, how often they are retried and what runs on a clock.

The one place: the estate makes rules, queues, dead-letter queues, functions, roles and alarms from it, the laptop
builds the same on the emulator, tests hold both to it. Feeding a Lambda through a queue is deliberate: a rule that
targets a function directly retries outside our control and has no dead letters we can replay.
"""

from typing import Literal

from services.contracts.events import availability as a
from services.contracts.events import booking as b
from services.contracts.events import directory as d
from services.contracts.events import notifications as n
from services.contracts.events import waitlist as w
from services.contracts.events.base import Event
from services.contracts.queues import AWS_BUS, BUS, DirectQueue, LockedBucket, Schedule, Signals, Subscription

__all__ = [
    "AWS_BUS", "BUS", "DIRECT_QUEUES", "FUNCTION_ARCHITECTURE", "FUNCTION_RUNTIME", "LOCKED_BUCKETS",
    "MAIL_CONFIGURATION_SET", "SCHEDULES", "SUBSCRIPTIONS", "UNCONSUMED", "DirectQueue", "LockedBucket", "Schedule",
    "Signals", "Subscription", "dead_letters_of", "direct_queues_of", "function_handler", "subscriptions_of",
]  # fmt: skip

# Of mails sent with this configuration set SES tells on AWS_BUS what became of them.
MAIL_CONFIGURATION_SET = "careslot-mail"
# What functions run on, in AWS and, as far as it has them, in the emulator; the builder makes their zip for it.
FUNCTION_RUNTIME: Literal["python3.13"] = "python3.13"
FUNCTION_ARCHITECTURE: Literal["arm64"] = "arm64"


def function_handler(handler: str) -> str:
    """Turn ``package.module:function`` into Lambda's ``package.module.function``."""
    return handler.replace(":", ".")


SUBSCRIPTIONS: tuple[Subscription, ...] = (
    Subscription("audit-merges", "audit", (d.PatientMerged,), "services.audit.consumers:on_merge"),
    Subscription(
        "availability-directory",
        "availability",
        (d.FacilityRecorded, d.ClinicianRecorded, d.VisitTypeRecorded, d.InterpreterRecorded),
        "services.availability.consumers:on_directory",
    ),
    Subscription(
        "availability-appointments",
        "availability",
        (
            b.AppointmentHeld,
            b.HoldReleased,
            b.AppointmentBooked,
            b.AppointmentMoved,
            b.AppointmentCancelled,
            b.AppointmentCheckedIn,
            b.AppointmentFulfilled,
            b.AppointmentNoShow,
            b.AppointmentReassigned,
            b.SlotFreed,
            b.SlotReleased,
        ),
        "services.availability.consumers:on_bookings",
        # In a flood three statements take a hundred of them; so much later is still in time for the next search.
        gather_seconds=0.05,
    ),
    Subscription(
        "booking-blocks",
        "booking",
        (a.LeaveRecorded, a.LeaveWithdrawn, a.ClosureRecorded, a.ClosureWithdrawn),
        "services.booking.consumers:on_block",
    ),
    Subscription(
        "booking-directory",
        "booking",
        (d.ProxyRecorded, d.PatientRecorded, d.PatientMerged, d.VisitTypeRecorded, d.BreakGlassRecorded),
        "services.booking.consumers:on_directory",
    ),
    Subscription(
        "booking-deliveries",
        "booking",
        (n.MessageSent, n.MessageFailed),
        "services.booking.consumers:on_delivery",
        # Most messages are of no concern to booking, which has better things to do in a rush.
        only={"kind": n.ABOUT_DISRUPTIONS},
        gather_seconds=0.5,
    ),
    Subscription("booking-demand", "booking", (w.DemandChanged,), "services.booking.consumers:on_demand"),
    Subscription(
        "notifications-appointments",
        "notifications",
        (
            b.AppointmentBooked,
            b.AppointmentMoved,
            b.AppointmentCancelled,
            b.AppointmentCheckedIn,
            b.AppointmentFulfilled,
            b.AppointmentNoShow,
            b.AppointmentReassigned,
        ),
        "services.notifications.lambdas.appointment_events:handler",
        runs="lambda",
    ),
    Subscription(
        "notifications-directory",
        "notifications",
        (d.PatientRecorded, d.PatientMerged, d.FacilityRecorded, d.ProxyRecorded),
        "services.notifications.lambdas.directory_events:handler",
        runs="lambda",
    ),
    Subscription(
        "notifications-break-glass",
        "notifications",
        (d.BreakGlassRecorded,),
        "services.notifications.lambdas.break_glass_events:handler",
        runs="lambda",
    ),
    Subscription(
        "notifications-mail-feedback",
        "notifications",
        (),
        "services.notifications.lambdas.mail_feedback:handler",
        runs="lambda",
        signals=Signals("aws.ses", ("Email Bounced", "Email Complaint Received")),
    ),
    Subscription(
        "notifications-offers",
        "notifications",
        (w.OfferMade, w.OfferAccepted, w.OfferDeclined, w.OfferExpired),
        "services.notifications.lambdas.offer_events:handler",
        runs="lambda",
    ),
    Subscription(
        "notifications-disruptions",
        "notifications",
        (b.VisitDisrupted, b.VisitDisruptionEnded),
        "services.notifications.lambdas.disruption_events:handler",
        runs="lambda",
    ),
    Subscription(
        "waitlist-directory",
        "waitlist",
        (d.FacilityRecorded, d.PatientRecorded, d.PatientMerged, d.ProxyRecorded, d.VisitTypeRecorded),
        "services.waitlist.consumers:on_directory",
    ),
    Subscription("waitlist-consent", "waitlist", (n.PreferencesChanged,), "services.waitlist.consumers:on_preferences"),
    Subscription(
        "waitlist-freed-slots",
        "waitlist",
        (b.SlotFreed, b.SlotReleased),
        "services.waitlist.consumers:on_freed_slot",
        gather_seconds=0.5,
    ),
)

DIRECT_QUEUES: tuple[DirectQueue, ...] = (
    DirectQueue(
        "audit-entries",
        "audit",
        "audit",
        ("audit.entry.v1",),
        "every service",
        "services.audit.consumers:on_entries",
        "audit entries are PHI that no other consumer may see, and a full or broken bus must not hold them up",
        gather_seconds=0.5,
    ),
)

LOCKED_BUCKETS: tuple[LockedBucket, ...] = (
    LockedBucket(
        "careslot-audit-anchors",
        "audit",
        6,
        "heads of the audit chains, out of reach of whoever can write the audit database (45 CFR 164.316(b)(2)(i))",
    ),
)

SCHEDULES: tuple[Schedule, ...] = (
    Schedule(
        "notifications-send-due", "notifications", "rate(1 minute)", "services.notifications.lambdas.send_due:handler"
    ),
)

# Published for readers that need no queue of ours, each with the reason.
UNCONSUMED: dict[type[Event], str] = {
    d.RoleAssigned: "role assignments reach services inside tokens; the event serves the access review",
    b.LateCancelWaived: "how a cancellation is judged is read from booking; it changes no place and tells no patient",
    w.RequestJoined: "requests are read where they are kept; the event lets operators follow the list",
    w.RequestWithdrawn: "requests are read where they are kept; the event lets operators follow the list",
    w.RequestExpired: "requests are read where they are kept; the event lets operators follow the list",
}


def subscriptions_of(service: str) -> tuple[Subscription, ...]:
    """Return the subscriptions of ``service``, in declaration order."""
    return tuple(subscription for subscription in SUBSCRIPTIONS if subscription.service == service)


def dead_letters_of(service: str) -> dict[str, str]:
    """Return the queues of ``service``, whoever polls them, each with the name of its dead-letter queue."""
    own: tuple[Subscription | DirectQueue, ...] = (*subscriptions_of(service), *direct_queues_of(service))
    return {queue.queue: queue.dead_letters for queue in own}


def direct_queues_of(service: str) -> tuple[DirectQueue, ...]:
    """Return the queues of ``service`` that others send to past the bus."""
    return tuple(queue for queue in DIRECT_QUEUES if queue.service == service)
