"""Role assignments in emulated Cognito: what ends up in the account, and in which order it gets there."""

from __future__ import annotations

import pytest

from services.contracts.roles import Role
from services.directory.adapters.cognito import CognitoAccounts
from services.directory.domain.records import RoleAssignment
from services.kernel.errors import NotFound, Unavailable
from services.local.aws import Aws
from services.local.identity import Identity, ensure_pool, ensure_user

PASSWORD = "Maple-River-1234"
ROSA = RoleAssignment("rosa", Role.FRONT_DESK, ("fac-0001", "fac-0002"), "")


@pytest.fixture
def identity(aws: Aws) -> Identity:
    return ensure_pool(aws, "directory-tests")


async def test_an_account_has_what_it_was_assigned(aws: Aws, identity: Identity) -> None:
    accounts = CognitoAccounts(aws.cognito, identity.pool_id)
    subject = ensure_user(aws, identity, "rosa", PASSWORD, Role.PATIENT, person="pat-000001")
    before = await accounts.find("rosa")
    assert before is not None
    assert (before.subject, set(before.roles), before.person) == (subject, {"patient"}, "pat-000001")
    assert not before.has(ROSA)
    for _ in range(2):
        await accounts.assign(ROSA)
        after = await accounts.find("rosa")
        assert after is not None
        assert after.has(ROSA)


async def test_strangers(aws: Aws, identity: Identity) -> None:
    accounts = CognitoAccounts(aws.cognito, identity.pool_id)
    assert await accounts.find("nobody") is None
    with pytest.raises(NotFound):
        await accounts.assign(RoleAssignment("nobody", Role.FRONT_DESK, ("fac-0001",), ""))


async def test_roles_go_before_new_facilities_come(aws: Aws, identity: Identity) -> None:
    calls: list[str] = []
    ensure_user(aws, identity, "ana", PASSWORD, Role.FRONT_DESK, facilities=("fac-0001",))
    aws.cognito.meta.events.register(
        "before-call.cognito-identity-provider", lambda model, **_: calls.append(model.name)
    )
    await CognitoAccounts(aws.cognito, identity.pool_id).assign(RoleAssignment("ana", Role.AUDITOR, ("*",), ""))
    changes = [call for call in calls if not call.startswith(("AdminGet", "AdminList"))]
    assert changes == ["AdminRemoveUserFromGroup", "AdminUpdateUserAttributes", "AdminAddUserToGroup"]


async def test_a_pool_that_is_not_there_is_unavailable(aws: Aws) -> None:
    with pytest.raises(Unavailable):
        await CognitoAccounts(aws.cognito, "us-east-1_nothing").assign(ROSA)
