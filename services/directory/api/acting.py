"""Routes that tell who acts for whom, as both sides may know it."""

from fastapi import APIRouter

from services.directory.api.fields import DirectoryDep, PatientId, View
from services.directory.api.patients import ProxyView
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["proxies"])


class Grants(View):
    """Grants that last now; at most a hundred."""

    proxies: list[ProxyView]


@router.get("/patients/{patient_id}/proxies", **guard("read-proxies", 404, 422))
async def list_proxies(directory: DirectoryDep, gate: GateDep, patient_id: PatientId) -> Grants:
    """Tell who may act for a patient."""
    found = await directory.acting.proxies_of(gate, patient_id)
    return Grants(proxies=[ProxyView.of(recorded) for recorded in found])


@router.get("/patients/{patient_id}/acts-for", **guard("read-proxies", 404, 422))
async def list_patients_acted_for(directory: DirectoryDep, gate: GateDep, patient_id: PatientId) -> Grants:
    """Tell for whom a person may act."""
    found = await directory.acting.patients_of(gate, patient_id)
    return Grants(proxies=[ProxyView.of(recorded) for recorded in found])
