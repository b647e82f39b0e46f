"""What the portal is told by its environment. It has no database and no bus."""

from pydantic import Field

from services.kernel.runtime import ProcessSettings


class Settings(ProcessSettings):
    """Addresses of the services it calls, the user pool's client, and the keys of its cookies."""

    directory_url: str
    availability_url: str
    booking_url: str
    notifications_url: str
    waitlist_url: str
    audit_url: str
    portal_client_id: str = Field(description="app client that people sign in through")
    session_keys: str = Field(description="Fernet keys, space-separated; the first encrypts, all decrypt", repr=False)
    secure_cookies: bool = Field(default=True, description="off only where the portal is served without TLS")
