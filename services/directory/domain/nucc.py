"""Which of our specialties a code of the Health Care Provider Taxonomy (NUCC, X12 set 682) belongs to.

A clinician is found by specialty, so a code that is not here is refused with its number instead of being put
somewhere. General practice counts as family medicine: the same visits are booked with both.
"""

from collections.abc import Mapping

SYSTEM = "http://nucc.org/provider-taxonomy"
# code of ours: its name and the taxonomy codes that mean it
_SPECIALTIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "family-medicine": ("Family medicine", ("207Q00000X", "208D00000X", "363LF0000X")),
    "internal-medicine": ("Internal medicine", ("207R00000X",)),
    "pediatrics": ("Pediatrics", ("208000000X",)),
    "obstetrics-gynecology": ("Obstetrics and gynecology", ("207V00000X",)),
    "behavioral-health": ("Behavioral health", ("2084P0800X", "103T00000X", "1041C0700X")),
    "cardiology": ("Cardiology", ("207RC0000X",)),
    "orthopedics": ("Orthopedics", ("207X00000X",)),
    "dermatology": ("Dermatology", ("207N00000X",)),
    "gastroenterology": ("Gastroenterology", ("207RG0100X",)),
    "endocrinology": ("Endocrinology", ("207RE0101X",)),
    "neurology": ("Neurology", ("2084N0400X",)),
    "ophthalmology": ("Ophthalmology", ("207W00000X", "152W00000X")),
    "otolaryngology": ("Ear, nose and throat", ("207Y00000X",)),
    "urology": ("Urology", ("208800000X",)),
    "pulmonology": ("Pulmonology", ("207RP1001X",)),
    "nephrology": ("Nephrology", ("207RN0300X",)),
    "rheumatology": ("Rheumatology", ("207RR0500X",)),
    "oncology": ("Oncology", ("207RX0202X", "207RH0003X")),
    "allergy-immunology": ("Allergy and immunology", ("207K00000X",)),
    "general-surgery": ("General surgery", ("208600000X",)),
    "physical-therapy": ("Physical therapy", ("225100000X",)),
    "radiology": ("Radiology", ("2085R0202X",)),
    "nutrition": ("Nutrition", ("133V00000X",)),
    "geriatrics": ("Geriatrics", ("207QG0300X", "207RG0300X")),
}
NAMES: Mapping[str, str] = {code: name for code, (name, _) in _SPECIALTIES.items()}
SPECIALTY_OF: Mapping[str, str] = {nucc: code for code, (_, known) in _SPECIALTIES.items() for nucc in known}
