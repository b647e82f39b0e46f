"""What the process of notifications is told by its environment; its functions are told in lambdas/worker.py."""

from services.kernel.runtime import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beside what every service is told: the process serves preferences and relays events, it never sends."""
