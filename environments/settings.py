"""What all settings have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Settings(BaseModel):
    """Settings never change after loading, and a key that nothing reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
