"""What the finder is told by its environment. It takes no tokens and has neither database nor secrets."""

from pydantic import Field

from services.kernel.runtime import PublicSettings


class Settings(PublicSettings):
    """Addresses of the services it asks, and those that its readers are given."""

    directory_url: str
    availability_url: str
    portal_address: str = Field(description="where people sign in to book, as their browsers know it")
    public_address: str = Field(
        default="", description="the finder as readers know it; empty where only the request tells (App Runner)"
    )
    days_shown: int = Field(default=14, ge=1, le=31, description="days ahead of which open times are shown")
