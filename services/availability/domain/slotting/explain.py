"""Why a slot is as it is, in data and in sentences: template, length, depth, reserve, surge.

What is written with a plan is about the session as a whole; a single patient's risk is never told, not even where only
one has booked.
"""

from collections.abc import Mapping
from typing import Any

from services.availability.domain.slotting.overbooking import Outlook
from services.availability.domain.slotting.plan import Plan

# Under this many scored visits a mean would tell about single people.
FEWEST_SCORED = 5


def content_of(plan: Plan) -> dict[str, Any]:
    """Return what is kept of ``plan``: plain data, instants in ISO 8601."""
    answer, length = plan.answer, plan.length
    return {
        "grid_minutes": plan.grid_minutes,
        "length": {
            "minutes": length.minutes, "expected": round(length.expected, 1), "variation": round(length.variation, 2),
            "visits": length.visits, "reasons": list(length.reasons),
        },
        "depth": {
            "most": plan.session.template.depth,
            "lanes": {plan.cells[cell].starts_at.isoformat(): lanes for cell, lanes in sorted(plan.lanes.items())},
            "scored_visits": plan.scored,
            "mean_risk": round(plan.mean_risk, 3) if plan.scored == 0 or plan.scored >= FEWEST_SCORED else None,
            "without_overbooking": _outlook(answer.before),
            "with_overbooking": _outlook(answer.after),
            "longest_wait": round(plan.longest_wait, 1),
            "stopped_by": answer.stopped_by,
        },
        "reserve": {
            one.starts_at.isoformat(): {"opens_at": one.opens_at.isoformat(), "hours_before": one.hours}
            for one in plan.reserved
        },
        "surge": {"index": round(plan.surge.index, 2), "active": plan.surge.active, "reason": plan.surge.reason},
    }  # fmt: skip


def depth_reason(depth: int, content: Mapping[str, Any]) -> str:
    """Return the sentence that says why ``depth`` appointments may stand at a time of the planned session."""
    part = content["depth"]
    before, after = part["without_overbooking"], part["with_overbooking"]
    risk = "" if part["mean_risk"] is None else f"{part['mean_risk']:.0%} are expected to be missed, "
    if depth > 1:
        gain = before["cost"] - after["cost"]
        return (
            f"{depth} may share this time: {risk}more places save {gain:.0f} of "
            f"{before['cost']:.0f} cost (idle, wait, overtime); the worst group waits {after['worst_wait']:.0f} min; "
            f"no more because {part['stopped_by']}"
        )
    return f"one at a time: {risk}{part['stopped_by']}"


def _outlook(outlook: Outlook) -> dict[str, float]:
    return {
        "idle": round(outlook.idle, 1), "wait": round(outlook.wait, 1), "overtime": round(outlook.overtime, 1),
        "worst_wait": round(outlook.worst_wait, 1), "cost": round(outlook.cost, 1),
    }  # fmt: skip
