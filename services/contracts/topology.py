"""Which events exist, who takes them, how often they are retried and what runs on a clock.

The one place: the estate makes rules, queues, dead-letter queues, functions, roles and alarms from it, the laptop
builds the same on the emulator, tests hold both to it. Feeding a Lambda through a queue is deliberate: a rule that
targets a function directly retries outside our control and has no dead letters we can replay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from services.contracts.events import availability as a
from services.contracts.events import booking as b
from services.contracts.events import directory as d
from services.contracts.events import notifications as n
from services.contracts.events import waitlist as w
from services.contracts.events.base import Event

BUS = "careslot"
# Where AWS's own services tell what they do: no other bus gets that (EventBridge user guide, "Events from AWS").
AWS_BUS = "default"
# What functions run on, in AWS and, as far as it has them, in the emulator; the builder makes their zip for it.
FUNCTION_RUNTIME: Literal["python3.13"] = "python3.13"
FUNCTION_ARCHITECTURE: Literal["arm64"] = "arm64"


def function_handler(handler: str) -> str:
    """Turn ``package.module:function`` into Lambda's ``package.module.function``."""
    return handler.replace(":", ".")


@dataclass(frozen=True, slots=True)
class Signals:
    """What a service of AWS tells on the bus AWS_BUS, as it calls it."""

    source: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue of ``service``, the events its rule lets in, and the handler (``module:function``) that takes them.

    ``only`` lets in events alone whose data has one of the values in each field named; ``signals`` stands in the place
    of ``events`` where it is AWS that tells. ``runs`` says whether the service's process polls the queue or a Lambda
    function is fed from it; a process waits ``gather_seconds`` after a batch that was not full, so that the next one
    is fuller. A message failing ``max_receives`` times goes to ``<queue>-dlq``, kept ``retention_days`` days.
    ``visibility_seconds`` is at least six times a function's timeout (AWS Lambda developer guide, "Using Lambda with
    Amazon SQS").
    """

    queue: str
    service: str
    events: tuple[type[Event], ...]
    handler: str
    runs: Literal["process", "lambda"] = "process"
    max_receives: int = 5
    visibility_seconds: int = 60
    batch: int = 10
    timeout_seconds: int = 10
    retention_days: int = 14
    gather_seconds: float = 0.0
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    signals: Signals | None = None

    @property
    def dead_letters(self) -> str:
        """Name of the dead-letter queue."""
        return f"{self.queue}-dlq"

    @property
    def bus(self) -> str:
        """The bus its rule is on."""
        return AWS_BUS if self.signals else BUS

    @property
    def event_types(self) -> tuple[str, ...]:
        """The detail-types the rule matches."""
        return self.signals.types if self.signals else tuple(event.TYPE for event in self.events)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources the rule matches, each once."""
        if self.signals:
            return (self.signals.source,)
        return tuple(sorted({f"careslot.{event.TYPE.partition('.')[0]}" for event in self.events}))

    @property
    def pattern(self) -> Mapping[str, Any]:
        """The rule's event pattern (EventBridge user guide, "Event patterns")."""
        narrowed = {name: list(values) for name, values in self.only.items()}
        return {
            "source": list(self.sources),
            "detail-type": list(self.event_types),
            **({"detail": {"data": narrowed}} if narrowed else {}),
        }


@dataclass(frozen=True, slots=True)
class DirectQueue:
    """A queue of ``service`` that others send to past the bus: rows of outbox channel ``channel``, and why so.

    ``senders`` says whose outbox has the channel; ``handler`` takes many messages at a time. ``max_receives`` is high
    because an entry that cannot be stored for a while must not end among the dead letters. ``gather_seconds`` as with
    a Subscription.
    """

    queue: str
    service: str
    channel: str
    types: tuple[str, ...]
    senders: Literal["every service"]
    handler: str
    reason: str
    max_receives: int = 20
    visibility_seconds: int = 30
    retention_days: int = 14
    gather_seconds: float = 0.0

    @property
    def dead_letters(self) -> str:
        """Name of the dead-letter queue."""
        return f"{self.queue}-dlq"


@dataclass(frozen=True, slots=True)
class LockedBucket:
    """A bucket of ``service`` whose objects nobody can change or delete for ``retention_years`` years, and why.

    S3 Object Lock in compliance mode: not even the account's root user can shorten it.
    """

    name: str
    service: str
    retention_years: int
    reason: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A Lambda function that EventBridge Scheduler invokes; ``expression`` is Scheduler's own syntax.

    An invocation that Lambda refuses is tried ``retries`` times within ``max_age_seconds``, then it goes to
    ``<name>-dlq``: the next one of the clock does its work as well.
    """

    name: str
    service: str
    expression: str
    handler: str
    timeout_seconds: int = 50
    retries: int = 2
    max_age_seconds: int = 300
    retention_days: int = 14

    @property
    def dead_letters(self) -> str:
        """Name of the dead-letter queue."""
        return f"{self.name}-dlq"


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
        "services.availability.consumers:on_appointment",
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
        (d.ProxyRecorded, d.PatientRecorded, d.PatientMerged, d.VisitTypeRecorded),
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


def direct_queues_of(service: str) -> tuple[DirectQueue, ...]:
    """Return the queues of ``service`` that others send to past the bus."""
    return tuple(queue for queue in DIRECT_QUEUES if queue.service == service)
