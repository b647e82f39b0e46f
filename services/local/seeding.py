"""Fills a new platform with a made-up health system, once, and waits until every projection has caught up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.local.progress import Progress

if TYPE_CHECKING:
    from services.local.platform import Platform


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the health system is."""

    facilities: int = 212
    clinicians: int = 4000
    patients: int = 2000


async def seed(platform: Platform, sizes: Sizes, progress: Progress) -> None:
    """Seed on the first run; find what is there on later ones."""
