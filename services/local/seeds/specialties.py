"""What the made-up health system offers: specialties, how common each is, and the visits one can book in it."""

from dataclasses import dataclass

from services.contracts.security_labels import SecurityLabel
from services.directory.domain.records import Specialty, VisitType


@dataclass(frozen=True, slots=True)
class Offered:
    """A specialty: its share of clinicians, its schedules' grid in minutes, and its visits (code, name, minutes)."""

    code: str
    name: str
    share: int
    grid_minutes: int
    visits: tuple[tuple[str, str, int], ...]


_NEW, _AGAIN = "New patient visit", "Follow-up visit"
OFFERED: tuple[Offered, ...] = (
    Offered("family-medicine", "Family medicine", 20, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("annual-physical", "Annual physical", 40),
        ("same-day", "Same-day visit", 20))),
    Offered("internal-medicine", "Internal medicine", 14, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("annual-physical", "Annual physical", 40))),
    Offered("pediatrics", "Pediatrics", 10, 20, (
        ("new-patient", _NEW, 40), ("well-child", "Well-child visit", 20), ("sick-visit", "Sick visit", 20),
        ("vaccination", "Vaccination", 20))),
    Offered("obstetrics-gynecology", "Obstetrics and gynecology", 6, 20, (
        ("new-patient", _NEW, 40), ("prenatal", "Prenatal visit", 20), ("annual-exam", "Annual exam", 20))),
    Offered("behavioral-health", "Behavioral health", 7, 30, (
        ("intake", "Intake", 60), ("therapy", "Therapy session", 60), ("medication", "Medication visit", 30),
        ("recovery", "Recovery visit", 30))),
    Offered("cardiology", "Cardiology", 4, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("stress-test", "Stress test", 60))),
    Offered("orthopedics", "Orthopedics", 4, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("injection", "Joint injection", 20))),
    Offered("dermatology", "Dermatology", 4, 15, (
        ("new-patient", _NEW, 30), ("follow-up", _AGAIN, 15), ("skin-check", "Full skin check", 30),
        ("procedure", "Minor procedure", 45))),
    Offered("gastroenterology", "Gastroenterology", 3, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("colonoscopy", "Colonoscopy", 60))),
    Offered("endocrinology", "Endocrinology", 2, 20, (("new-patient", _NEW, 60), ("follow-up", _AGAIN, 20))),
    Offered("neurology", "Neurology", 3, 30, (
        ("new-patient", _NEW, 60), ("follow-up", _AGAIN, 30), ("eeg", "EEG", 90))),
    Offered("ophthalmology", "Ophthalmology", 3, 15, (
        ("eye-exam", "Eye exam", 30), ("follow-up", _AGAIN, 15), ("diabetic-screening", "Diabetic eye screening", 30))),
    Offered("otolaryngology", "Ear, nose and throat", 2, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("hearing-test", "Hearing test", 40))),
    Offered("urology", "Urology", 2, 20, (("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20))),
    Offered("pulmonology", "Pulmonology", 2, 20, (
        ("new-patient", _NEW, 40), ("follow-up", _AGAIN, 20), ("lung-function", "Lung function test", 40))),
    Offered("nephrology", "Nephrology", 1, 20, (("new-patient", _NEW, 60), ("follow-up", _AGAIN, 20))),
    Offered("rheumatology", "Rheumatology", 1, 20, (("new-patient", _NEW, 60), ("follow-up", _AGAIN, 20))),
    Offered("oncology", "Oncology", 2, 30, (
        ("consultation", "Consultation", 60), ("follow-up", _AGAIN, 30), ("infusion", "Infusion", 120))),
    Offered("allergy-immunology", "Allergy and immunology", 1, 20, (
        ("new-patient", _NEW, 40), ("allergy-testing", "Allergy testing", 60), ("injection", "Allergy injection", 20))),
    Offered("general-surgery", "General surgery", 2, 20, (
        ("consultation", "Consultation", 40), ("post-op", "Post-op visit", 20))),
    Offered("physical-therapy", "Physical therapy", 3, 30, (
        ("evaluation", "Evaluation", 60), ("session", "Session", 30))),
    Offered("radiology", "Radiology", 2, 15, (
        ("x-ray", "X-ray", 15), ("ultrasound", "Ultrasound", 30), ("mri", "MRI", 60), ("mammogram", "Mammogram", 30))),
    Offered("nutrition", "Nutrition", 1, 30, (("new-patient", _NEW, 60), ("follow-up", _AGAIN, 30))),
    Offered("geriatrics", "Geriatrics", 1, 30, (("new-patient", _NEW, 60), ("follow-up", _AGAIN, 30))),
)  # fmt: skip


# Visits whose very existence tells something; the recovery clinic is a program under 42 CFR Part 2.
LABELS = {
    "behavioral-health-therapy": SecurityLabel.RESTRICTED,
    "behavioral-health-recovery": SecurityLabel.PART_2,
}


def specialties() -> tuple[Specialty, ...]:
    """Return every specialty as the directory records it."""
    return tuple(Specialty(offered.code, offered.name) for offered in OFFERED)


def visit_types() -> tuple[VisitType, ...]:
    """Return every visit type as the directory records it, coded ``<specialty>-<visit>``."""
    return tuple(
        VisitType(
            f"{offered.code}-{code}",
            name,
            offered.code,
            minutes,
            security_label=LABELS.get(f"{offered.code}-{code}", SecurityLabel.NORMAL),
        )
        for offered in OFFERED
        for code, name, minutes in offered.visits
    )
