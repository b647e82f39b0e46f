"""The eight roles of a caller, named as the access policies name them."""

from enum import StrEnum


class Role(StrEnum):
    """A role assignment; people carry theirs as Cognito groups, apps have the last one."""

    PATIENT = "patient"
    PROXY = "proxy"
    FRONT_DESK = "front-desk"
    SCHEDULER = "scheduler"
    CLINICIAN = "clinician"
    FACILITY_ADMINISTRATOR = "facility-administrator"
    AUDITOR = "auditor"
    EXTERNAL_APP = "external-app"
