"""Why an appointment was called off: the terms of FHIR's example value set, and what each means for our rules.

http://hl7.org/fhir/R4/valueset-appointment-cancellation-reason.html. Codes only, because free text ends up holding PHI.
"""

from collections.abc import Mapping
from enum import StrEnum

SYSTEM = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"


class CancelReason(StrEnum):
    """Codes of the code system SYSTEM, in its order."""

    PATIENT = "pat"
    PATIENT_REMINDER = "pat-crs"
    PATIENT_PORTAL = "pat-cpp"
    PATIENT_DECEASED = "pat-dec"
    PATIENT_FEELING_BETTER = "pat-fb"
    PATIENT_TRANSPORTATION = "pat-lt"
    PATIENT_MEMBER_TERMINATED = "pat-mt"
    PATIENT_MOVED = "pat-mv"
    PATIENT_PREGNANT = "pat-preg"
    PATIENT_FROM_WAITLIST = "pat-swl"
    PATIENT_CHANGED_PROVIDER = "pat-uwo"
    PROVIDER = "prov"
    PROVIDER_PERSONAL = "prov-pers"
    PROVIDER_DISCHARGED = "prov-dch"
    PROVIDER_MEETING = "prov-edu"
    PROVIDER_HOSPITALIZED = "prov-hosp"
    PROVIDER_LABS = "prov-labs"
    PROVIDER_MRI_SCREENING = "prov-mri"
    PROVIDER_ONCOLOGY_PLAN = "prov-onc"
    EQUIPMENT = "maint"
    PREPARATION_INCOMPLETE = "meds-inc"
    OTHER = "other"
    OTHER_THERAPY_CAP = "oth-cms"
    OTHER_ERROR = "oth-err"
    OTHER_FINANCIAL = "oth-fin"
    OTHER_IV_ACCESS = "oth-iv"
    OTHER_NO_INTERPRETER = "oth-int"
    OTHER_RESULTS = "oth-mu"
    OTHER_ROOM = "oth-room"
    OTHER_ORDER_ERROR = "oth-oerr"
    OTHER_WALK_IN_ERROR = "oth-swie"
    OTHER_WEATHER = "oth-weath"


DISPLAY: Mapping[CancelReason, str] = {
    CancelReason.PATIENT: "Patient",
    CancelReason.PATIENT_REMINDER: "Patient: Canceled via automated reminder system",
    CancelReason.PATIENT_PORTAL: "Patient: Canceled via Patient Portal",
    CancelReason.PATIENT_DECEASED: "Patient: Deceased",
    CancelReason.PATIENT_FEELING_BETTER: "Patient: Feeling Better",
    CancelReason.PATIENT_TRANSPORTATION: "Patient: Lack of Transportation",
    CancelReason.PATIENT_MEMBER_TERMINATED: "Patient: Member Terminated",
    CancelReason.PATIENT_MOVED: "Patient: Moved",
    CancelReason.PATIENT_PREGNANT: "Patient: Pregnant",
    CancelReason.PATIENT_FROM_WAITLIST: "Patient: Scheduled from Wait List",
    CancelReason.PATIENT_CHANGED_PROVIDER: "Patient: Unhappy/Changed Provider",
    CancelReason.PROVIDER: "Provider",
    CancelReason.PROVIDER_PERSONAL: "Provider: Personal",
    CancelReason.PROVIDER_DISCHARGED: "Provider: Discharged",
    CancelReason.PROVIDER_MEETING: "Provider: Edu/Meeting",
    CancelReason.PROVIDER_HOSPITALIZED: "Provider: Hospitalized",
    CancelReason.PROVIDER_LABS: "Provider: Labs Out of Acceptable Range",
    CancelReason.PROVIDER_MRI_SCREENING: "Provider: MRI Screening Form Marked Do Not Proceed",
    CancelReason.PROVIDER_ONCOLOGY_PLAN: "Provider: Oncology Treatment Plan Changes",
    CancelReason.EQUIPMENT: "Equipment Maintenance/Repair",
    CancelReason.PREPARATION_INCOMPLETE: "Prep/Med Incomplete",
    CancelReason.OTHER: "Other",
    CancelReason.OTHER_THERAPY_CAP: "Other: CMS Therapy Cap Service Not Authorized",
    CancelReason.OTHER_ERROR: "Other: Error",
    CancelReason.OTHER_FINANCIAL: "Other: Financial",
    CancelReason.OTHER_IV_ACCESS: "Other: Improper IV Access/Infiltrate IV",
    CancelReason.OTHER_NO_INTERPRETER: "Other: No Interpreter Available",
    CancelReason.OTHER_RESULTS: "Other: Prep/Med/Results Unavailable",
    CancelReason.OTHER_ROOM: "Other: Room/Resource Maintenance",
    CancelReason.OTHER_ORDER_ERROR: "Other: Schedule Order Error",
    CancelReason.OTHER_WALK_IN_ERROR: "Other: Silent Walk In Error",
    CancelReason.OTHER_WEATHER: "Other: Weather",
}

PATIENT_SIDE = frozenset(reason for reason in CancelReason if reason.startswith("pat"))
# What only staff can know or say: a death, an ended membership, what our own reminders and waitlist did.
_STAFF_ONLY = frozenset(
    {
        CancelReason.PATIENT_REMINDER, CancelReason.PATIENT_DECEASED, CancelReason.PATIENT_MEMBER_TERMINATED,
        CancelReason.PATIENT_FROM_WAITLIST,
    }
)  # fmt: skip
PATIENTS_OWN = PATIENT_SIDE - _STAFF_ONLY | {CancelReason.OTHER}
# What these give up is no slot: nobody could be seen there.
NO_SLOT_LEFT = frozenset(
    {
        CancelReason.PROVIDER, CancelReason.PROVIDER_PERSONAL, CancelReason.PROVIDER_MEETING,
        CancelReason.PROVIDER_HOSPITALIZED, CancelReason.EQUIPMENT, CancelReason.OTHER_ROOM,
        CancelReason.OTHER_WEATHER,
    }
)  # fmt: skip


class LateWaiver(StrEnum):
    """Why a late cancellation is not held against the patient; ours, FHIR has no such terms."""

    ILLNESS = "illness"
    BEREAVEMENT = "bereavement"
    TRANSPORTATION = "transportation"
    WEATHER = "weather"
    OUR_MISTAKE = "our-mistake"
    OTHER = "other"
