"""Routes of proxies: who may act for a patient, and for whom somebody may act."""

from fastapi import APIRouter, Response

from services.directory.api.fields import (
    Body,
    DirectoryDep,
    Instant,
    PatientId,
    PersonId,
    View,
    answer,
    guard_put,
)
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["proxies"])


class ProxyBody(Body):
    """How long someone may act: at most a year, or until a minor comes of age."""

    expires_at: Instant


class ProxyView(View):
    """Someone who may act for a patient: as parent or guardian (``parental``) or as whom an adult named (``granted``).

    From ``confidential_until`` on (null: ever) they see nothing of confidential visits.
    """

    proxy_id: str
    version: int
    patient_id: str
    person: str
    kind: str
    expires_at: Instant
    confidential_until: Instant | None
    active: bool


class Proxies(View):
    """Everyone who may, or might once, act for a patient."""

    proxies: list[ProxyView]


class ActingForView(ProxyView):
    """A patient the caller may act for, by name, and the proxy that lets them."""

    given_name: str
    family_name: str


class ActingFor(View):
    """For whom the caller may act now."""

    acting_for: list[ActingForView]


@router.get("/acting-for", **guard("read-acting-for"))
async def list_acting_for(directory: DirectoryDep, gate: GateDep) -> ActingFor:
    """Read for whom the caller may act now."""
    found = await directory.proxies.acting_for(gate)
    return ActingFor(
        acting_for=[
            ActingForView.of(proxy, given_name=patient.given_name, family_name=patient.family_name)
            for proxy, patient in found
        ]
    )


@router.get("/patients/{patient_id}/proxies", **guard("read-proxies", 404, 422))
async def list_proxies(directory: DirectoryDep, gate: GateDep, patient_id: PatientId) -> Proxies:
    """Read who may act for a patient, or might once."""
    found = await directory.proxies.of_patient(gate, patient_id)
    return Proxies(proxies=[ProxyView.of(proxy) for proxy in found])


@router.put("/patients/{patient_id}/proxies/{person}", **guard_put("manage-proxy", ProxyView, 404, 412))
async def put_proxy(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    patient_id: PatientId,
    person: PersonId,
    body: ProxyBody,
) -> ProxyView:
    """Let someone act for a patient."""
    change = await directory.proxies.grant(gate, patient_id, person, body.expires_at)
    return ProxyView.of(answer(response, change))


@router.delete("/patients/{patient_id}/proxies/{person}", status_code=204, **guard("manage-proxy", 404, 422))
async def delete_proxy(directory: DirectoryDep, gate: GateDep, patient_id: PatientId, person: PersonId) -> None:
    """Let someone no longer act for a patient."""
    await directory.proxies.withdraw(gate, patient_id, person)
