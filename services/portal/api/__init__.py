"""Pages: each route asks for a session and names the one action it does for it at the services behind."""

from services.portal.api.assets import router as assets_pages
from services.portal.api.chains import router as chains_pages
from services.portal.api.closures import router as closures_pages
from services.portal.api.desk import router as desk_pages
from services.portal.api.desk_waitlist import router as desk_waitlist_pages
from services.portal.api.disruptions import router as disruptions_pages
from services.portal.api.double_bookings import router as double_bookings_pages
from services.portal.api.emergency import router as emergency_pages
from services.portal.api.finding import router as finding_pages
from services.portal.api.late_rules import router as late_rules_pages
from services.portal.api.line import router as line_pages
from services.portal.api.offers import router as offers_pages
from services.portal.api.past import router as past_pages
from services.portal.api.patients import router as patients_pages
from services.portal.api.people import router as people_pages
from services.portal.api.preferences import router as preferences_pages
from services.portal.api.reviews import router as reviews_pages
from services.portal.api.schedules import router as schedules_pages
from services.portal.api.series import router as series_pages
from services.portal.api.signing_in import router as signing_in_pages
from services.portal.api.visit_types import router as visit_types_pages
from services.portal.api.visits import router as visits_pages
from services.portal.api.waiting import router as waiting_pages

ROUTERS = (
    assets_pages, signing_in_pages, finding_pages, visits_pages, series_pages, past_pages, waiting_pages, offers_pages,
    people_pages, preferences_pages, desk_waitlist_pages, double_bookings_pages, desk_pages, patients_pages,
    schedules_pages, closures_pages, late_rules_pages, disruptions_pages, emergency_pages, visit_types_pages,
    chains_pages, reviews_pages, line_pages,
)  # fmt: skip
