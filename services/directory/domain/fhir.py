"""The part of five FHIR R4 resources that an import reads; whatever else they hold is never looked at.

Our own models and not a whole library of resources: what is not named here (race, ethnicity, birth sex, marital
status, social security numbers, pictures) cannot be kept by mistake. docs/decisions/0080-fhir-import.md.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.kernel.errors import Invalid

# Never kept, whatever the source says: HL7 v2 table 0203, as Identifier.type.
UNWANTED_TYPES = frozenset({"SS", "DL", "PPN", "TAX", "MI"})
GEOLOCATION = "http://hl7.org/fhir/StructureDefinition/geolocation"
RECORD_NUMBERS = frozenset({"MR", "PI", "NPI"})

FhirId = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")]


class Element(BaseModel):
    """A piece of a resource; what it does not name is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Coding(Element):
    """A code of a system."""

    system: str = ""
    code: str = ""
    display: str = ""


class CodeableConcept(Element):
    """The same thing in one code system or several."""

    coding: tuple[Coding, ...] = ()
    text: str = ""


class Identifier(Element):
    """A business identifier: what some system calls the thing."""

    system: str = ""
    value: str = ""
    type: CodeableConcept = CodeableConcept()

    @property
    def token(self) -> str:
        """``system|value``, "" unless it has both."""
        return f"{self.system}|{self.value}" if self.system and self.value else ""

    @property
    def types(self) -> frozenset[str]:
        """The codes of its type."""
        return frozenset(coding.code for coding in self.type.coding)


class Reference(Element):
    """Another resource: literally (``Location/1``), by a search (``Location?identifier=s|v``) or by identifier."""

    reference: str = ""
    identifier: Identifier = Identifier()


class HumanName(Element):
    """A person's name."""

    use: str = ""
    text: str = ""
    family: str = ""
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()


class ContactPoint(Element):
    """A phone number or an address on the net."""

    system: str = ""
    value: str = ""
    use: str = ""


class Extension(Element):
    """Something the base standard has no element for; only where an address lies is read out of it."""

    url: str = ""
    valueDecimal: float | None = None
    extension: tuple["Extension", ...] = ()


class Address(Element):
    """A postal address."""

    extension: tuple[Extension, ...] = ()
    use: str = ""
    line: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postalCode: str = ""

    @property
    def point(self) -> tuple[float, float] | None:
        """Latitude and longitude in degrees, where the standard extension for them is there."""
        for outer in self.extension:
            if outer.url == GEOLOCATION:
                found = {inner.url: inner.valueDecimal for inner in outer.extension}
                latitude, longitude = found.get("latitude"), found.get("longitude")
                if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:
                    return latitude, longitude
        return None


class Position(Element):
    """Coordinates in degrees (WGS 84)."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Communication(Element):
    """A language someone speaks."""

    language: CodeableConcept = CodeableConcept()
    preferred: bool = False


class Resource(Element):
    """What every resource has."""

    TYPE: ClassVar[str]

    id: FhirId
    identifier: tuple[Identifier, ...] = ()

    @property
    def tokens(self) -> tuple[str, ...]:
        """The identifiers we keep: record numbers where there are any, else those that say no type."""
        kept = [one for one in self.identifier if one.token and not one.types & UNWANTED_TYPES]
        numbers = [one.token for one in kept if one.types & RECORD_NUMBERS]
        return tuple(dict.fromkeys(numbers or [one.token for one in kept if not one.types]))


class Organization(Resource):
    """Who runs locations."""

    TYPE = "Organization"

    resourceType: Literal["Organization"]


class Location(Resource):
    """A place where care is given."""

    TYPE = "Location"

    resourceType: Literal["Location"]
    status: Literal["active", "suspended", "inactive"] = "active"
    name: str = ""
    type: tuple[CodeableConcept, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    address: Address = Address()
    position: Position | None = None
    managingOrganization: Reference = Reference()


class Practitioner(Resource):
    """Someone who gives care."""

    TYPE = "Practitioner"

    resourceType: Literal["Practitioner"]
    active: bool = True
    name: tuple[HumanName, ...] = ()
    communication: tuple[CodeableConcept, ...] = ()


class PractitionerRole(Resource):
    """What a practitioner does where."""

    TYPE = "PractitionerRole"

    resourceType: Literal["PractitionerRole"]
    active: bool = True
    practitioner: Reference
    organization: Reference = Reference()
    location: tuple[Reference, ...] = ()
    specialty: tuple[CodeableConcept, ...] = ()


class Patient(Resource):
    """Someone who receives care."""

    TYPE = "Patient"

    resourceType: Literal["Patient"]
    active: bool = True
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    birthDate: str = ""
    deceasedBoolean: bool = False
    deceasedDateTime: str = ""
    address: tuple[Address, ...] = ()
    communication: tuple[Communication, ...] = ()
    managingOrganization: Reference = Reference()


# In the order in which one refers to another.
TYPES: dict[str, type[Resource]] = {
    kind.TYPE: kind for kind in (Organization, Location, Practitioner, PractitionerRole, Patient)
}


def read_resource(kind: type[Resource], content: object) -> Resource:
    """Return ``content`` (parsed JSON) as ``kind``; raise Invalid naming what is wrong and never repeating a value."""
    try:
        return kind.model_validate(content, strict=False)
    except ValidationError as fault:
        wrong = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors(include_input=False)]
        raise Invalid("; ".join(wrong[:5])) from None
