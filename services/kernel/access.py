"""Who may do what, decided by Cedar and always accounted for.

Policies live outside the code and are parsed once at start (parsing costs five times a decision). Everything not
permitted is refused; each decision yields the AuditEntry that 45 CFR 164.312(b) asks for, refused ones included.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cedarpy

from services.kernel.actor import Actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.errors import CareslotError, Forbidden
from services.kernel.ids import new_id

NAMESPACE = "Careslot"
# What is asked again and again (search, by everybody's browser) is answered from memory; the rest pushes it out.
REMEMBERED = 4096
AttributeValue = str | bool | frozenset[str]


@dataclass(frozen=True, slots=True)
class Resource:
    """What is touched: a Cedar entity type of the schema, its id and the attributes policies may look at.

    ``about`` names the person whose record it is ("" where there is none): the audit trail is searched by it.
    """

    type: str
    id: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    about: str = ""


class AccessRefused(Forbidden):
    """A refusal by policy; the edge writes ``entry`` to the audit trail."""

    def __init__(self, entry: AuditEntry) -> None:
        super().__init__("Your role does not allow this here.")
        self.entry = entry


class PolicyFault(CareslotError):
    """The policies or their schema are wrong: a service must not start with them."""

    title = "The access policies are not valid"
    slug = "policy-fault"


@dataclass(frozen=True, slots=True)
class Decision:
    """Cedar's answer and the ids of the policies that determined it."""

    allowed: bool
    policies: tuple[str, ...]


_Asked = tuple[Actor, str, str, str, frozenset[tuple[str, AttributeValue]]]


class AccessPolicies:
    """A validated, parsed policy set."""

    def __init__(self, policies: str, schema: str) -> None:
        try:
            self._schema = cedarpy.Schema.from_str(schema)
            result = cedarpy.validate_policies(policies, schema)
        except ValueError as fault:
            raise PolicyFault(str(fault)) from fault
        if not result.validation_passed:
            raise PolicyFault("; ".join(str(error.error) for error in result.errors))
        _policy_names(policies)  # each has one
        self.actions = frozenset(_declared_actions(schema))
        self._parsed = json.loads(cedarpy.policies_to_json_str(policies))
        # No policy of another action can ever apply, as long as no action is a member of another.
        self._grouped = any(" in " in line.split(" appliesTo")[0] for line in schema.splitlines() if _declares(line))
        self._slices: dict[str, tuple[cedarpy.PolicySet, dict[str, str]]] = {}
        self._decided: dict[_Asked, Decision] = {}

    @classmethod
    def from_folder(cls, folder: Path) -> "AccessPolicies":
        """Read ``schema.cedarschema`` and every ``*.cedar`` file of ``folder``; raise PolicyFault when wrong."""
        files = sorted(folder.glob("*.cedar"))
        schema = folder / "schema.cedarschema"
        if not files or not schema.is_file():
            raise PolicyFault(f"{folder} must hold schema.cedarschema and at least one .cedar file.")
        return cls("\n".join(file.read_text("utf-8") for file in files), schema.read_text("utf-8"))

    def decide(self, actor: Actor, action: str, resource: Resource) -> Decision:
        """Return Cedar's decision. An error while evaluating a policy refuses: deny by default.

        It follows from who asks, for what and of what alone: policies never change here, and no context is given. So
        the same question has the same answer, and is put to Cedar once.
        """
        asked = actor, action, resource.type, resource.id, frozenset(resource.attributes.items())
        if (known := self._decided.get(asked)) is None:
            if len(self._decided) >= REMEMBERED:
                self._decided.clear()
            known = self._decided[asked] = self._decide(actor, action, resource)
        return known

    def _decide(self, actor: Actor, action: str, resource: Resource) -> Decision:
        principal = {"type": f"{NAMESPACE}::Actor", "id": actor.subject}
        target = {"type": f"{NAMESPACE}::{resource.type}", "id": resource.id}
        entities = [
            {
                "uid": principal,
                "attrs": {
                    "subject": actor.subject,
                    "person": actor.person,
                    "facilities": sorted(actor.facilities),
                    "everywhere": actor.everywhere,
                    "scopes": sorted(actor.scopes),
                    "clearances": sorted(actor.clearances),
                    "emergency": actor.emergency.patient if actor.emergency else "",
                },
                "parents": [{"type": f"{NAMESPACE}::Role", "id": role} for role in sorted(actor.roles)],
            },
            {
                "uid": target,
                "attrs": {
                    name: sorted(value) if isinstance(value, frozenset) else value
                    for name, value in resource.attributes.items()
                },
                "parents": [],
            },
        ]
        request = {
            "principal": principal,
            "action": {"type": f"{NAMESPACE}::Action", "id": action},
            "resource": target,
            "context": {},
        }
        policies, names = self._slices.get(action) or self._slice(action)
        result = cedarpy.is_authorized(request, policies, entities, self._schema)
        diagnostics = result.diagnostics
        allowed = result.allowed and not diagnostics.errors
        return Decision(allowed, tuple(sorted(names.get(reason, reason) for reason in diagnostics.reasons)))

    def _slice(self, action: str) -> tuple[cedarpy.PolicySet, dict[str, str]]:
        """Return the policies whose scope lets ``action`` in, with their names: Cedar takes half as long with them."""
        every = self._parsed["staticPolicies"]
        kept = {key: policy for key, policy in every.items() if self._grouped or _lets_in(policy["action"], action)}
        text = cedarpy.policies_from_json_str(json.dumps({**self._parsed, "staticPolicies": kept}))
        policies = (cedarpy.PolicySet.from_str(text), _policy_names(text))
        if action in self.actions:  # there are as many slices as actions, whatever is asked
            self._slices[action] = policies
        return policies


class Gate:
    """The one door of a request: its actor, the action its route declared, and whether anyone asked."""

    def __init__(
        self, policies: AccessPolicies, clock: Clock, *, service: str, action: str, actor: Actor, correlation_id: str
    ) -> None:
        self._policies = policies
        self._clock = clock
        self._service = service
        self._correlation_id = correlation_id
        self.action = action
        self.actor = actor
        self.decided = False

    def require(self, resource: Resource, *, reason: str = "") -> AuditEntry:
        """Return the audit entry of an allowed touch, to be written with its effect; raise AccessRefused otherwise."""
        self.decided = True
        decision = self._policies.decide(self.actor, self.action, resource)
        entry = self._entry(resource, decision, reason)
        if not decision.allowed:
            raise AccessRefused(entry)
        return entry

    def allows(self, resource: Resource) -> bool:
        """Tell whether ``require`` would pass, for leaving things out of a list the caller may see parts of."""
        return self._policies.decide(self.actor, self.action, resource).allowed

    def _entry(self, resource: Resource, decision: Decision, reason: str) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            at=self._clock.now(),
            service=self._service,
            action=self.action,
            outcome="allowed" if decision.allowed else "refused",
            subject=self.actor.subject,
            roles=tuple(sorted(self.actor.roles)),
            person=self.actor.person,
            resource_type=resource.type,
            resource_id=resource.id,
            about=resource.about,
            reason=self._emergency(resource) or reason or ("" if decision.allowed else "policy"),
            policies=decision.policies,
            correlation_id=self._correlation_id,
            facilities=_facilities(resource),
        )

    def _emergency(self, resource: Resource) -> str:
        """Return what marks an access under break-glass, for the audit trail's review; "" for any other."""
        emergency = self.actor.emergency
        return f"break-glass: {emergency.id}" if emergency and emergency.patient == resource.about else ""


def _facilities(resource: Resource) -> tuple[str, ...]:
    """Return the facilities ``resource`` belongs to, by the names its schema gives them."""
    one, several = resource.attributes.get("facility", ""), resource.attributes.get("facilities", frozenset())
    found = {one} if isinstance(one, str) and one else set()
    return tuple(sorted(found | (several if isinstance(several, frozenset) else set())))


def _policy_names(policies: str) -> dict[str, str]:
    """Map Cedar's positional ids to the ``@id`` of each policy, which is what an auditor can look up."""
    parsed = json.loads(cedarpy.policies_to_json_str(policies))["staticPolicies"]
    names = {key: str(policy.get("annotations", {}).get("id", "")) for key, policy in parsed.items()}
    if "" in names.values() or len(set(names.values())) != len(names):
        raise PolicyFault("Every access policy needs an @id of its own.")
    return names


def _lets_in(scope: dict[str, Any], action: str) -> bool:
    if scope["op"] == "All":
        return True
    return any(entity["id"] == action for entity in scope.get("entities") or [scope["entity"]])


def _declares(line: str) -> bool:
    return line.strip().startswith("action ")


def _declared_actions(schema: str) -> list[str]:
    names: list[str] = []
    for line in schema.splitlines():
        words = line.strip()
        if _declares(line):
            head = words.removeprefix("action ").split(" appliesTo")[0]
            names += [name.strip().strip('"') for name in head.split(" in ")[0].split(",") if name.strip()]
    return names
