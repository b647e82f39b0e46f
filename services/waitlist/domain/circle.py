"""Who stands around a patient: it decides who may speak for them and who may know what they wait for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Circle:
    """Who may act for a patient: ``proxies``, of whom the ``confidants`` know of restricted visits too."""

    proxies: frozenset[str] = frozenset()
    confidants: frozenset[str] = frozenset()
