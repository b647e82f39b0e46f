"""What the directory does, each use case in its own transaction, decided by the caller's gate."""

from dataclasses import dataclass

from services.directory.ports import Accounts, UnitOfWork, ZipCodes
from services.directory.usecases.catalogue import Catalogue
from services.directory.usecases.clinicians import Clinicians
from services.directory.usecases.facilities import Facilities
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
    catalogue: Catalogue
    patients: Patients
    merges: Merges
    proxies: Proxies
    roles: Roles


def assemble(begin: UnitOfWork, zip_codes: ZipCodes, accounts: Accounts, clock: Clock) -> Directory:
    """Return the use cases over the given ports."""
    return Directory(
        facilities=Facilities(begin, zip_codes, clock),
        clinicians=Clinicians(begin, clock),
        catalogue=Catalogue(begin, clock),
        patients=Patients(begin, clock),
        merges=Merges(begin, clock),
        proxies=Proxies(begin, clock),
        roles=Roles(begin, accounts, clock),
    )
