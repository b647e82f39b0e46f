"""What a check found: where it stands, what is wrong with it, and what to do, the same for every check."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """``path`` is a file as the repository sees it, ``where`` a place in it (``spec.ports[0].port``) or empty."""

    path: str
    where: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        place = f"{self.path}: {self.where}" if self.where else self.path
        return f"{place}: {self.what}" + (f" ({self.todo})" if self.todo else "")

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)
