"""What signs in, and which scopes it may ask for: the app clients of the user pool.

The one place: the estate makes Cognito's pool from it, the laptop the same in the emulator, and the edge asks an app's
token for the scope of a route. People carry their role as a group (services/contracts/roles.py).
"""

from dataclasses import dataclass

POOL = "careslot"
RESOURCE_SERVER = "careslot"
# Custom attributes of a person, which Cognito puts into ID tokens (services/kernel/actor.py reads them).
ATTRIBUTES = ("facilities", "person", "clearances")
SCOPES = {"slots.read": "search open slots", "directory.read": "read facilities, clinicians and visit types"}
# What only a service of ours may do: never in the scopes of an external app.
SERVICE_SCOPES = {
    "waitlist.offer": "keep freed slots while an offer of them is out",
    "changes.read": "read what services tell each other, to rebuild projections",
}
# Actions (x-careslot-action of a route) that an external app may take with the scope; Cedar decides each request.
APP_ACTIONS = {"search-slots": "slots.read", "read-facility": "directory.read", "read-catalogue": "directory.read"}
# Actions that only services take, with the scope of a service: their routes are not served at the edge.
SERVICE_ACTIONS = {
    "extend-freed-slot": "waitlist.offer",
    "release-freed-slot": "waitlist.offer",
    "read-changes": "changes.read",
}
TOKEN_MINUTES = 15
REFRESH_HOURS = 12


@dataclass(frozen=True, slots=True)
class AppClient:
    """An app client: people sign in through one without scopes, an app asks for a token of its own by its scopes."""

    name: str
    scopes: tuple[str, ...] = ()

    @property
    def for_people(self) -> bool:
        """Whether people sign in through it: a public client, without a secret."""
        return not self.scopes

    @property
    def asked_as(self) -> tuple[str, ...]:
        """The scopes as tokens carry them: with the resource server's name."""
        return tuple(f"{RESOURCE_SERVER}/{scope}" for scope in self.scopes)


PORTAL = AppClient("portal")
EXTERNAL_APP = AppClient("external-app", tuple(SCOPES))
WAITLIST = AppClient("waitlist", ("waitlist.offer",))
BOOKING = AppClient("booking", ("slots.read",))
REBUILD = AppClient("rebuild", ("changes.read",))
CLIENTS = (PORTAL, EXTERNAL_APP, WAITLIST, BOOKING, REBUILD)
