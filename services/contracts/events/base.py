"""The shape all events share: frozen, versioned by name, tolerant of fields a newer publisher adds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

Instant = Annotated[datetime, AwareDatetime]


class Event(BaseModel):
    """A fact that happened. A breaking change is a new name ending in the next version."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    PHI: ClassVar[bool] = False
    EXAMPLE: ClassVar[Mapping[str, Any]]

    @property
    def type(self) -> str:
        """Name and version."""
        return self.TYPE

    @property
    def source(self) -> str:
        """EventBridge source: the publishing service."""
        return f"careslot.{self.TYPE.partition('.')[0]}"

    def payload(self) -> Mapping[str, Any]:
        """Return the data, JSON-ready."""
        return self.model_dump(mode="json")
