"""What the directory does, each use case in its own transaction, decided by the caller's gate."""

from dataclasses import dataclass, field

from services.directory.domain.break_glass import GlassRules
from services.directory.domain.proxies import AGES, ProxyAges
from services.directory.ports import Accounts, GlassSigner, UnitOfWork, ZipCodes
from services.directory.usecases.break_glass import BreakingGlass
from services.directory.usecases.catalogue import Catalogue
from services.directory.usecases.clinicians import Clinicians
from services.directory.usecases.facilities import Facilities
from services.directory.usecases.interpreters import Interpreters
from services.directory.usecases.merges import Merges
from services.directory.usecases.patients import Patients
from services.directory.usecases.proxies import Proxies
from services.directory.usecases.roles import Roles
from services.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Directory:
    """Every use case of the service."""

    facilities: Facilities
    clinicians: Clinicians
    interpreters: Interpreters
    catalogue: Catalogue
    patients: Patients
    merges: Merges
    proxies: Proxies
    roles: Roles
    break_glass: BreakingGlass


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator decides about proxies and emergency access."""

    ages: ProxyAges = AGES
    glass: GlassRules = field(default_factory=GlassRules)


def assemble(
    begin: UnitOfWork, zip_codes: ZipCodes, accounts: Accounts, sign: GlassSigner, clock: Clock, rules: Rules
) -> Directory:
    """Return the use cases over the given ports."""
    return Directory(
        facilities=Facilities(begin, zip_codes, clock),
        clinicians=Clinicians(begin, clock),
        interpreters=Interpreters(begin, clock),
        catalogue=Catalogue(begin, clock),
        patients=Patients(begin, clock, ages=rules.ages),
        merges=Merges(begin, clock),
        proxies=Proxies(begin, clock, rules.ages),
        roles=Roles(begin, accounts, clock),
        break_glass=BreakingGlass(begin, sign, clock, rules.glass),
    )
