"""Role assignments: nobody gives what they do not hold, nobody changes their own.

The assignment commits with its audit entry and event first; only then is the identity provider told. So no account
ever has a right that the trail does not know. What the provider could not be told stays pending and is tried again.
"""

from dataclasses import dataclass

from services.directory.domain.records import Clinician, Facility, Patient, RoleAssignment
from services.directory.domain.roles import authority_needed, check_assignment
from services.directory.ports import Account, Accounts, Store, UnitOfWork
from services.directory.usecases.facilities import facility_resource
from services.directory.usecases.recording import Change, record_change
from services.kernel.access import Gate
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.errors import CareslotError, Forbidden, NotFound
from services.kernel.telemetry import logger


@dataclass(frozen=True, slots=True)
class Assigned:
    """A recorded assignment; ``effective`` once the account has it."""

    change: Change[RoleAssignment]
    effective: bool


@dataclass(frozen=True, slots=True)
class Roles:
    """What can be done with role assignments."""

    begin: UnitOfWork
    accounts: Accounts
    clock: Clock

    async def assign(self, gate: Gate, wanted: RoleAssignment) -> Assigned:
        """Give an account its one role; raise AccessRefused or Forbidden when that is not the caller's to give."""
        now = self.clock.now()
        account = await self.accounts.find(wanted.username)
        async with self.begin() as store:
            current = await store.find(RoleAssignment, wanted.username, lock=True)
            before = (current.record if current else None, account)
            people = {name: await _person(store, name) for name in sorted(_people(wanted, *before))}
            facilities = {*wanted.facilities, *(name for had in before if had for name in had.facilities)}
            entries = [_need(gate, need) for need in authority_needed(facilities, people.values())]
            if account is None:
                raise NotFound("No account has this user name.")
            if account.subject == gate.actor.subject:
                raise Forbidden("Somebody else has to change your own role assignment.", slug="own-role")
            check_assignment(wanted, people.get(wanted.person), await store.known(Facility, wanted.facilities))
            change = await record_change(store, wanted, current, now)
            await store.audit(entries)
        if await self.apply_pending(wanted.username):
            return Assigned(change, effective=False)
        # Somebody may have changed the account past us: repeating the assignment mends it.
        return Assigned(change, change.changed or account.has(wanted) or await self._tell(wanted))

    async def apply_pending(self, username: str = "") -> int:
        """Tell the identity provider what it does not know yet (about one account, or any); return how many wait on.

        One transaction each: the provider may be slow, and a row must not be locked for the time of all.
        """
        waiting = 0
        while True:
            async with self.begin() as store:
                found = await store.pending(username)
                for pending in found:
                    if await self._tell(pending.assignment):
                        await store.applied(pending.assignment.username, pending.version)
                    else:
                        waiting += 1
            if not found or username:
                return waiting

    async def _tell(self, assignment: RoleAssignment) -> bool:
        try:
            await self.accounts.assign(assignment)
        except CareslotError as fault:
            logger().warning("role assignment waits", reason=fault.slug)
            return False
        return True


def _people(*holders: RoleAssignment | Account | None) -> set[str]:
    return {holder.person for holder in holders if holder is not None and holder.person}


async def _person(store: Store, person: str) -> Patient | Clinician | None:
    patient = await store.find(Patient, person)
    clinician = None if patient else await store.find(Clinician, person)
    found = patient or clinician
    return found.record if found else None


def _need(gate: Gate, facilities: tuple[str, ...]) -> AuditEntry:
    """Ask the gate about the first of ``facilities`` it allows; refused, and audited so, when it allows none."""
    resources = [facility_resource(facility) for facility in facilities]
    return gate.require(next((resource for resource in resources if gate.allows(resource)), resources[0]))
