"""Emergency access: opened with a reason after a fresh sign-in, renewed while it lasts, ended, looked at later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.directory.domain.break_glass import (
    TOKEN_LASTS,
    GlassRules,
    Reason,
    ReauthenticationRequired,
    new_grant_id,
    require_fresh,
)
from services.directory.domain.records import BreakGlass, Patient, Recorded
from services.directory.ports import GlassSigner, PatientQuery, Store, UnitOfWork
from services.directory.usecases.patients import patient_resource
from services.directory.usecases.recording import record_change
from services.kernel.access import Gate, Resource
from services.kernel.actor import Emergency
from services.kernel.clock import Clock
from services.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Opened:
    """An emergency access, the token that carries it ("" once it is over) and until when the token serves."""

    grant: Recorded[BreakGlass]
    token: str
    token_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class BreakingGlass:
    """What can be done about emergency access."""

    begin: UnitOfWork
    sign: GlassSigner
    clock: Clock
    rules: GlassRules

    async def open(self, gate: Gate, who: str | PatientQuery, reason: Reason, note: str) -> Opened:
        """Open the record of the patient ``who`` names or describes; raise ReauthenticationRequired or NotFound.

        The role is asked before the sign-in: whoever may not do it at all is not sent to sign in again for nothing.
        """
        now = self.clock.now()
        named = who if isinstance(who, str) else ""
        entry = gate.require(patient_resource(named, ()), reason=f"break-glass: {reason}")
        try:
            require_fresh(gate.actor, now, self.rules)
        except ReauthenticationRequired:
            async with self.begin() as store:
                await store.audit([replace(entry, outcome="refused", reason="break-glass: sign-in too old")])
            raise
        async with self.begin() as store:
            patient_id = await self._patient(store, who)
            await store.audit([replace(entry, about=patient_id, resource_id=patient_id or "search")])
            opened = await self._record(store, gate, patient_id, reason, note, now) if patient_id else None
        # Raised after the commit: looking for somebody is a touch, found or not.
        if opened is None:
            raise NotFound("Not exactly one patient is so called and so old; say more, or give the patient's id.")
        return opened

    async def _record(
        self, store: Store, gate: Gate, patient_id: str, reason: Reason, note: str, now: datetime
    ) -> Opened:
        role = min(gate.actor.roles)
        wanted = BreakGlass(
            new_grant_id(), gate.actor.subject, role, patient_id, str(reason), note, now, now + self.rules.lasts
        )
        return self._opened((await record_change(store, wanted, None, now)).recorded, now)

    async def renew(self, gate: Gate, grant_id: str) -> Opened:
        """Return an emergency access with a fresh token while it lasts; without one to whoever looks at it later."""
        async with self.begin() as store:
            return self._opened(await self._find(store, gate, grant_id), self.clock.now(), gate.actor.subject)

    async def end(self, gate: Gate, grant_id: str) -> Opened:
        """End an emergency access; ending it again changes nothing."""
        now = self.clock.now()
        async with self.begin() as store:
            current = await self._find(store, gate, grant_id, lock=True)
            ended = replace(current.record, ended_at=now) if current.record.lasts(now) else current.record
            change = await record_change(store, ended, current, now)
        return self._opened(change.recorded, now)

    async def _find(self, store: Store, gate: Gate, grant_id: str, *, lock: bool = False) -> Recorded[BreakGlass]:
        found = await store.find(BreakGlass, grant_id, lock=lock)
        subject = found.record.subject if found else ""
        resource = Resource("BreakGlass", grant_id, {"subject": subject}, found.record.patient_id if found else "")
        await store.audit([gate.require(resource)])
        if found is None:
            raise NotFound("There is no such emergency access.")
        return found

    def _opened(self, grant: Recorded[BreakGlass], now: datetime, asked_by: str | None = None) -> Opened:
        record = grant.record
        if not record.lasts(now) or asked_by not in {None, record.subject}:
            return Opened(grant, "", None)
        until = min(now + TOKEN_LASTS, record.expires_at)
        token = self.sign(Emergency(record.grant_id, record.patient_id), record.subject, now, until)
        return Opened(grant, token, until)

    async def _patient(self, store: Store, who: str | PatientQuery) -> str:
        if isinstance(who, str):
            return who if await store.known(Patient, [who]) else ""
        found: Sequence[Recorded[Patient]] = await store.patients(who)
        return found[0].record.patient_id if len(found) == 1 else ""
