"""The roles in code are the roles the access policies speak of."""

import re
from pathlib import Path

from services.contracts.roles import Role
from services.kernel.actor import ANYBODY

POLICIES = Path(__file__).parents[3] / "policies" / "access"


def test_policies_speak_of_our_roles_of_all_of_them_and_of_who_did_not_sign_in() -> None:
    text = "\n".join(file.read_text("utf-8") for file in POLICIES.glob("*.cedar"))
    assert set(re.findall(r'Careslot::Role::"([^"]+)"', text)) == {*Role, *ANYBODY.roles}
