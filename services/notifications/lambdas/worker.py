"""What a function's process keeps between invocations: one event loop, one pool, one client a provider.

``asyncio.run`` would close the loop that the pool's connections belong to, so there is one loop for the life of the
process and every invocation runs on it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import Any, TypeVar

import boto3
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kernel.clock import Clock, SystemClock
from services.kernel.database import Database
from services.kernel.telemetry import configure_logging
from services.notifications.adapters.alert_mail import alert_mail
from services.notifications.adapters.postgres import unit_of_work
from services.notifications.adapters.senders import ONCE, SesSender, SnsSender
from services.notifications.adapters.templates import PORTAL_URL, TemplateComposer
from services.notifications.domain.messages import Channel
from services.notifications.ports import Sender
from services.notifications.usecases.alerting import Alerting
from services.notifications.usecases.delivery import Delivery

T = TypeVar("T")


class FunctionSettings(BaseSettings):
    """What the functions are told by their environment (prefix ``CARESLOT_``); AWS's own variables are boto3's."""

    model_config = SettingsConfigDict(env_prefix="CARESLOT_", extra="ignore", frozen=True)

    database_url: str = Field(repr=False, description="postgresql:// URL of the database notifications")
    database_pool: int = Field(default=4, ge=1, le=20, description="connections, and so messages sent at once")
    sender_email: str = Field(pattern="^[^@\\s]+@[^@\\s]+$", description="identity verified in SES")
    organization: str = Field(description="who writes, at most 40 characters: named in every message")
    callback_phone: str = Field(description="number to call, at most 16 characters: named in every message")
    privacy_officer_email: str = Field(
        pattern="^[^@\\s]+@[^@\\s]+$", description="who is told of emergency accesses, as they are opened"
    )
    portal_url: str = Field(default=PORTAL_URL, pattern="^https?://", description="where patients sign in")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class MisconfiguredError(RuntimeError):
    """The function's environment does not say what it must."""


class Worker:
    """A warm process; ``senders`` by channel."""

    def __init__(
        self, settings: FunctionSettings, senders: Mapping[Channel, Sender], clock: Clock | None = None
    ) -> None:
        self.clock = clock or SystemClock()
        self.database = Database(
            settings.database_url, application="notifications-functions", max_size=settings.database_pool
        )
        self.delivery = Delivery(
            unit_of_work(self.database),
            senders,
            TemplateComposer(settings.organization, settings.callback_phone, portal_url=settings.portal_url),
            self.clock,
            at_once=settings.database_pool,
        )
        self.alerting = Alerting(
            senders[Channel.EMAIL],
            settings.privacy_officer_email,
            lambda opened: alert_mail(opened, settings.organization),
        )
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self.database.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the process's loop."""
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Give back connections and loop; a Lambda process is never asked to, a test is."""
        self.run(self.database.close())
        self._loop.close()


@cache
def current() -> Worker:
    """Return this process's worker, made from the environment at the first invocation."""
    try:
        settings = FunctionSettings()
    except ValidationError as fault:
        wrong = ", ".join(f"CARESLOT_{error['loc'][0]}".upper() for error in fault.errors())
        raise MisconfiguredError(f"missing or wrong in the function's environment: {wrong}") from None
    configure_logging("notifications", settings.log_level)
    ses = SesSender(boto3.client("ses", config=ONCE), settings.sender_email, settings.organization)
    return Worker(settings, {Channel.EMAIL: ses, Channel.SMS: SnsSender(boto3.client("sns", config=ONCE))})


def nearly_over(context: object, reserve_ms: int) -> Callable[[], bool]:
    """Return a test whether less than ``reserve_ms`` of the invocation are left, so that no message is cut off."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return (lambda: remaining() < reserve_ms) if callable(remaining) else (lambda: False)
