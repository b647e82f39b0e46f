"""What the directory is told by its environment."""

from pydantic import Field

from services.kernel.runtime import ServiceSettings


class Settings(ServiceSettings):
    """The directory's own settings beside every service's."""

    user_pool_id: str = Field(description="Cognito user pool whose accounts get role assignments")
