"""The catalogue's files: complete frameworks, citations that exist, and faults told with file, key and value."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.controls.model import FRAMEWORKS, load_catalogue
from services.kernel.errors import Invalid

CATALOGUE = load_catalogue()
CONTROL = """
- id: one
  title: Something is done about it
  severity: high
  why: because somebody would be hurt
  fix: do what was not done before
  citations: {hipaa: [164.312(b)]}
  evidence: [{organisation: somebody does this by hand}]
"""


def test_the_frameworks_are_whole() -> None:
    """Counted in the regulation; its Appendix A has 22 addressable specifications: 11, 6 and 5."""
    hipaa, hitrust = CATALOGUE.frameworks
    assert (hipaa.id, hitrust.id, len(hitrust.requirements)) == ("hipaa", "hitrust", 21)
    sections = {
        section: (
            len([r for r in hipaa.requirements if r.id.startswith(section) and r.kind == "standard"]),
            len([r for r in hipaa.requirements if r.id.startswith(section) and r.kind == "specification"]),
        )
        for section in ("164.308", "164.310", "164.312", "164.314", "164.316")
    }
    assert sections == {
        "164.308": (10, 21),
        "164.310": (4, 8),
        "164.312": (5, 7),
        "164.314": (2, 9),
        "164.316": (3, 3),
    }
    addressable = [r.id for r in hipaa.requirements if r.needs == "addressable"]
    assert len(addressable) == 22


def catalogue(folder: Path, text: str) -> None:
    """Read a catalogue of one file."""
    (folder / "one.yaml").write_text(text)
    load_catalogue(folder, FRAMEWORKS)


def test_a_control_in_order_is_read(tmp_path: Path) -> None:
    catalogue(tmp_path, CONTROL)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("164.312(b)", "164.312(z)", r"no framework has what is cited: one: hipaa 164\.312\(z\)"),
        ("severity: high", "severity: dire", "one.yaml:0.severity: 'dire': .*'low', 'medium', 'high' or 'critical'"),
        ("  fix: do what was not done before\n", "", "one.yaml:0.fix: Field required"),
        ("organisation:", "rule: x, organisation:", "one of rule, checkov, .* given: rule, organisation"),
        ("organisation:", "planned:", "one.yaml:0.evidence.0"),
        ("citations: {hipaa: [164.312(b)]}", "citations: {}", "one.yaml:0.citations"),
    ],
)
def test_a_wrong_control_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in CONTROL
    with pytest.raises(Invalid, match=told):
        catalogue(tmp_path, CONTROL.replace(old, new))


def test_two_of_one_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="called the same: one"):
        catalogue(tmp_path, CONTROL + CONTROL)
