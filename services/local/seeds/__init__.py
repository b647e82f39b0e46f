"""A health system that does not exist, for laptops and tests: pure functions of a seed number, no clock, no network."""

from services.local.seeds.health_system import AS_OF, SEED, HealthSystem, health_system

__all__ = ["AS_OF", "SEED", "HealthSystem", "health_system"]
