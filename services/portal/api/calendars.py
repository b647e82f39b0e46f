"""An appointment as iCalendar (RFC 5545). Calendars are shared and synchronised: no specialty, no clinician."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from icalendar import Calendar, Event


def calendar_of(appointment: Mapping[str, Any], facility: str, title: str, now: datetime) -> bytes:
    """Return a calendar with one event; its UID is the appointment's, so that a moved visit replaces the old one."""
    event = Event()
    event.add("uid", f"{appointment['id']}@careslot")
    event.add("sequence", int(appointment["version"]))
    event.add("dtstamp", now)
    event.add("dtstart", datetime.fromisoformat(appointment["starts_at"]))
    event.add("dtend", datetime.fromisoformat(appointment["ends_at"]))
    event.add("summary", title)
    event.add("location", facility)
    event.add("class", "PRIVATE")
    calendar = Calendar()
    calendar.add("prodid", "-//Careslot//Portal//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
