"""What alerts are for, as series: each must fire when it is so, and be silent when it nearly is."""

from __future__ import annotations

from tests.pipelines.slos.prometheus import Scene

HTTP = "careslot_http_request_seconds"
GOOD = f'{HTTP}_count{{service="booking", method="POST", route="/appointments", status="201"}}'
BAD = f'{HTTP}_count{{service="booking", method="POST", route="/appointments", status="503"}}'
FAST = f'{HTTP}_bucket{{service="booking", method="POST", route="/appointments", status="201", le="0.5"}}'
PROBES = f'{HTTP}_count{{service="booking", method="GET", route="/readyz", status="503"}}'
REFUSED = f'{HTTP}_count{{service="booking", method="OTHER", route="refused", status="429"}}'
REFUSED_FAST = f'{HTTP}_bucket{{service="booking", method="OTHER", route="refused", status="429", le="0.5"}}'
AVAILABLE, QUICK = {"slo": "availability"}, {"slo": "latency"}


def scenes() -> tuple[Scene, ...]:
    """Return them all."""
    return (*_budgets(), *_presence(), *_database(), *_queues(), *_clockwork(), *_findings())


def _budgets() -> tuple[Scene, ...]:
    fast, slow = "AvailabilityBudgetBurnsFast", "AvailabilityBudgetBurnsSlowly"
    return (
        # 1 % bad is twenty times what 99.95 % allows; a fault of five minutes is over before the hour has 14.4 times.
        Scene("booking: a fault that goes on", fast, {GOOD: "0+990x120", BAD: "0+10x120"}, "70m", (AVAILABLE,)),
        Scene("booking: faults as allowed", fast, {GOOD: "0+10000x120", BAD: "0+4x120"}, "110m"),
        Scene("booking: a fault that is over", fast,
              {GOOD: "0+990x120", BAD: "0+10x60 600+0x60"}, "100m"),
        Scene("booking: few requests, one fault in ten", fast, {GOOD: "0+1x20 20+0x100", BAD: "0+0x10 1+0x110"}, "25m"),
        Scene("booking: readiness is nobody's request", fast, {GOOD: "0+99x120", PROBES: "0+10x120"}, "70m"),
        # 0.35 % is seven times as fast as allowed: under 14.4 within the hour, over 6 within six.
        Scene("booking: a fault of six hours", fast, {GOOD: "0+9965x450", BAD: "0+35x450"}, "390m",
              (AVAILABLE,), "days"),
        Scene("booking: three days a little too bad", slow, {GOOD: "0+9992x2250", BAD: "0+8x2250"}, "4410m",
              (AVAILABLE,), "days"),
        Scene("booking: half a day as allowed", slow, {GOOD: "0+9997x420", BAD: "0+3x420"}, "810m", (), "days"),
        Scene("booking: a fifth is slow", "LatencyBudgetBurnsFast", {GOOD: "0+100x120", FAST: "0+80x120"}, "70m",
              (QUICK,)),
        Scene("booking: one in two hundred is slow", "LatencyBudgetBurnsFast", {GOOD: "0+200x120", FAST: "0+199x120"},
              "70m"),
        Scene("booking: refusals are fast and count for nothing", "LatencyBudgetBurnsFast",
              {GOOD: "0+100x120", FAST: "0+80x120", REFUSED: "0+9900x120", REFUSED_FAST: "0+9900x120"}, "70m",
              (QUICK,)),
        Scene("booking: faults are not slow as well", "LatencyBudgetBurnsFast",
              {GOOD: "0+100x120", FAST: "0+100x120", BAD: "0+50x120"}, "70m"),
        Scene("booking: half a day a little too slow", "LatencyBudgetBurnsSlowly",
              {GOOD: "0+1000x420", FAST: "0+980x420"}, "810m", (QUICK,), "days"),
        Scene("booking: half a day as fast as promised", "LatencyBudgetBurnsSlowly",
              {GOOD: "0+1000x420", FAST: "0+995x420"}, "810m", (), "days"),
    )  # fmt: skip


def _presence() -> tuple[Scene, ...]:
    here = 'careslot_admission_requests{service="booking", kind="limit", pod="a"}'
    refused = 'careslot_admission_refused_total{service="booking", class="patients", reason="full"}'
    admitted = 'careslot_admission_admitted_total{service="booking", class="patients"}'
    calls = 'careslot_neighbour_calls_total{{service="booking", neighbour="availability", outcome="{}"}}'.format
    return (
        Scene("booking: nobody there", "ServiceNotSeen", {}, "6m", ({},)),
        Scene("booking: one pod is enough", "ServiceNotSeen", {here: "20x20"}, "15m"),
        Scene("booking: gone for a deploy", "ServiceNotSeen", {here: "20x10 _x3 20x10"}, "16m"),
        Scene("booking: a tenth turned away", "RequestsShed", {admitted: "0+90x30", refused: "0+10x30"}, "20m", ({},)),
        Scene("booking: hardly any turned away", "RequestsShed", {admitted: "0+99x30", refused: "0+1x30"}, "20m"),
        Scene("booking: search is shut", "NeighbourFails", {calls("answered"): "0+1x30", calls("shut"): "0+9x30"},
              "15m", ({"neighbour": "availability"},)),
        Scene("booking: search fails now and then", "NeighbourFails",
              {calls("answered"): "0+9x30", calls("failed"): "0+1x30"}, "15m"),
        Scene("platform: always", "Watchdog", {}, "0m", ({},)),
    )  # fmt: skip


def _database() -> tuple[Scene, ...]:
    pool = 'careslot_database_connections{{service="booking", state="{}", pod="{}"}}'.format
    oldest = 'careslot_outbox_oldest_seconds{{service="booking", channel="{}", pod="a"}}'.format
    read = 'careslot_gauges_read_timestamp_seconds{{service="booking", source="database", pod="{}"}}'.format
    return (
        Scene("booking: one pod has lent all", "DatabasePoolBusy",
              {pool("lent", "a"): "20x30", pool("limit", "a"): "20x30", pool("lent", "b"): "1x30",
               pool("limit", "b"): "20x30"}, "15m", ({},)),
        Scene("booking: half is lent", "DatabasePoolBusy", {pool("lent", "a"): "10x30", pool("limit", "a"): "20x30"},
              "15m"),
        Scene("booking: the bus is out", "OutboxEventsWait", {oldest("bus"): "0+60x30"}, "10m", ({},)),
        Scene("booking: the bus hiccups", "OutboxEventsWait", {oldest("bus"): "0 60 180 0x20"}, "10m"),
        Scene("booking: the trail is out", "AuditEntriesWait", {oldest("audit"): "0+60x40"}, "30m", ({},)),
        Scene("booking: the trail restarts", "AuditEntriesWait", {oldest("audit"): "0+60x10 0x30"}, "30m"),
        Scene("booking: nobody reads gauges", "GaugesStale", {read("a"): "0x30"}, "15m", ({"source": "database"},)),
        Scene("booking: one of two reads them", "GaugesStale", {read("a"): "0x30", read("b"): "0+60x30"}, "15m"),
    )  # fmt: skip


def _queues() -> tuple[Scene, ...]:
    waiting = 'careslot_queue_messages{{service="{}", queue="{}", state="waiting", pod="a"}}'.format
    taken = 'careslot_inbox_events_total{{service="booking", queue="booking-blocks", outcome="{}"}}'.format
    dead = 'careslot_dead_letters{{service="{}", queue="{}", pod="a"}}'.format
    age = 'careslot_inbox_event_age_seconds_bucket{{service="booking", queue="booking-blocks", le="{}"}}'.format
    of_blocks, of_offers = waiting("booking", "booking-blocks"), waiting("notifications", "notifications-offers")
    blocks, offers = {"queue": "booking-blocks"}, {"queue": "notifications-offers"}
    return (
        Scene("booking: nobody polls", "QueueNotTaken", {of_blocks: "3x40"}, "20m", (blocks,)),
        Scene("booking: a flood is taken", "QueueNotTaken",
              {of_blocks: "900x40", taken("taken"): "0+100x40"}, "20m"),
        Scene("booking: taken and failed is not taken", "QueueNotTaken",
              {of_blocks: "9x40", taken("failed"): "0+9x40"}, "20m", (blocks,)),
        Scene("notifications: no function comes", "QueueNotTaken", {of_offers: "5x60"},
              "35m", (offers,)),
        Scene("notifications: emptied now and then", "QueueNotTaken",
              {of_offers: "5x10 0 5x10 0 5x10 0 5x10 0 5x10"}, "45m"),
        Scene("booking: given up", "DeadLetters", {dead("booking", "booking-blocks"): "0x5 1x20"}, "15m", (blocks,)),
        Scene("booking: sent again", "DeadLetters", {dead("booking", "booking-blocks"): "0x5 1x3 0x20"}, "15m"),
        Scene("booking: events fail", "EventsFail", {taken("taken"): "0+8x40", taken("failed"): "0+2x40"}, "25m",
              (blocks,)),
        Scene("booking: an event fails", "EventsFail", {taken("taken"): "0+99x40", taken("failed"): "0+1x40"}, "25m"),
        Scene("booking: events come late", "EventsTakenLate",
              {age("300.0"): "0+1x40", age("900.0"): "0+10x40", age("+Inf"): "0+10x40"}, "25m", (blocks,)),
        Scene("booking: events come at once", "EventsTakenLate",
              {age("300.0"): "0+10x40", age("900.0"): "0+10x40", age("+Inf"): "0+10x40"}, "25m"),
    )  # fmt: skip


def _clockwork() -> tuple[Scene, ...]:
    late = 'careslot_overdue_seconds{{service="{}", work="{}", pod="a"}}'.format
    told = (
        ("HoldsOverdue", "booking", "holds", 130, 90), ("OffersOverdue", "waitlist", "offers", 310, 200),
        ("MessagesOverdue", "notifications", "messages", 910, 600), ("AnchorsOverdue", "audit", "anchors", 1810, 900),
    )  # fmt: skip
    return tuple(
        scene
        for name, service, work, much, little in told
        for scene in (
            Scene(f"{service}: {work} are late", name, {late(service, work): f"{much}x20"}, "10m", ({"work": work},)),
            Scene(f"{service}: {work} are a little late", name, {late(service, work): f"{little}x20"}, "10m"),
        )
    )


def _findings() -> tuple[Scene, ...]:
    counted = 'careslot_outcomes_total{{service="{}", name="{}"}}'.format
    foreign, doubled = counted("audit", "anchor-foreign"), counted("booking", "patient-double-booked")
    return (
        Scene("audit: one foreign anchor", "AnchorForeign", {foreign: "0x5 1x20"}, "15m", ({},)),
        Scene("audit: none", "AnchorForeign", {foreign: "0x30"}, "15m"),
        Scene("booking: two visits at once", "PatientDoubleBooked", {doubled: "0x5 1x20"}, "15m", ({},)),
        Scene("booking: nobody is doubled", "PatientDoubleBooked", {doubled: "4x30"}, "15m"),
    )
