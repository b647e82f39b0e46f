"""Pages: each route asks for a session and names the one action it does for it at the services behind."""

from services.portal.api.assets import router as assets
from services.portal.api.closures import router as closures
from services.portal.api.desk import router as desk
from services.portal.api.finding import router as finding
from services.portal.api.patients import router as patients
from services.portal.api.preferences import router as preferences
from services.portal.api.schedules import router as schedules
from services.portal.api.signing_in import router as signing_in
from services.portal.api.visits import router as visits

ROUTERS = (assets, signing_in, finding, visits, preferences, desk, patients, schedules, closures)
