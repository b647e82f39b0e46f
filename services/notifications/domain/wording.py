"""Date and time in words, English and Spanish, short for texts and long for e-mail.

Written here because Babel, which knows four hundred locales, would add thirty megabytes to every function's zip.
"""

from datetime import datetime

from services.notifications.domain.messages import Channel, Language

_DAYS = {
    Language.EN: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    Language.ES: ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
_MONTHS = {
    Language.EN: (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    Language.ES: (
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ),
}  # fmt: skip


def local_time(at: datetime, language: Language, channel: Channel) -> str:
    """Return ``at``, which must be in the zone of the visit, with the zone's abbreviation: whose clocks are meant."""
    day, month = _DAYS[language][at.weekday()], _MONTHS[language][at.month - 1]
    hour = f"{at.hour % 12 or 12}:{at.minute:02} {'AM' if at.hour < 12 else 'PM'} {at.tzname()}"
    match language, channel:
        case Language.EN, Channel.SMS:
            return f"{day[:3]}, {month[:3]} {at.day}, {hour}"
        case Language.ES, Channel.SMS:
            return f"{day[:3]} {at.day} {month[:3]}, {hour}"
        case Language.EN, _:
            return f"{day}, {month} {at.day}, {at.year} at {hour}"
        case _:
            return f"{day}, {at.day} de {month} de {at.year}, {hour}"
