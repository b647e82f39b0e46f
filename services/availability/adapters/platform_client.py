"""The running platform as its operators reach it: the gateway's HTTP API, nothing behind its back."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

from services.kernel.errors import CareslotError, Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable

TEMPLATE = "weekly"
PAGE = 200
_FAMILY: dict[int, type[CareslotError]] = {
    401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict, 422: Invalid,
}  # fmt: skip


class PlatformClient:
    """Talks to one platform with one caller's token; every failure is one of our errors, in the service's words."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def facility(self, facility_id: str) -> Mapping[str, Any]:
        """Return the directory's record; raise NotFound when there is none."""
        return self._json(self._send("GET", f"/directory/facilities/{facility_id}"))

    def clinicians_at(self, facility_id: str, most: int) -> Sequence[str]:
        """Return the ids of active clinicians at the facility, at most ``most``."""
        found: list[str] = []
        for page in self._pages("/directory/clinicians", {"facility": facility_id, "limit": min(PAGE, most)}):
            found += [entry["clinician_id"] for entry in page["clinicians"]]
            if len(found) >= most:
                break
        return found[:most]

    def register(self, clinician_id: str, record: Mapping[str, Any]) -> bool:
        """Register a clinician; tell whether they are new (one who is there already stays as they are)."""
        response = self._send("PUT", f"/directory/clinicians/{clinician_id}", json=record, accept={412, 428})
        return response.status_code == HTTPStatus.CREATED

    def give(self, clinician_id: str, template: Mapping[str, Any]) -> None:
        """Make ``template`` the clinician's template TEMPLATE, whether or not there is one."""
        path = f"/availability/clinicians/{clinician_id}/templates/{TEMPLATE}"
        response = self._send("PUT", path, json=template, headers={"if-none-match": "*"}, accept={412})
        if response.status_code == HTTPStatus.PRECONDITION_FAILED:
            version = next(
                entry["version"]
                for entry in self.schedule(clinician_id)["templates"]
                if entry["template_id"] == TEMPLATE
            )
            self._send("PUT", path, json=template, headers={"if-match": f'"{version}"'})

    def schedule(self, clinician_id: str) -> Mapping[str, Any]:
        """Return the clinician's schedule."""
        return self._json(self._send("GET", f"/availability/clinicians/{clinician_id}/schedule"))

    def _pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        while True:
            page = self._json(self._send("GET", path, params={**query, "cursor": cursor}))
            yield page
            cursor = page["next"]
            if not cursor:
                return

    def _send(self, method: str, path: str, *, accept: set[int] | None = None, **kwargs: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The platform at {self._client.base_url} does not answer; is it up (make up)?"
            ) from error
        if response.is_success or response.status_code in (accept or set()):
            return response
        raise _told(response)

    @staticmethod
    def _json(response: httpx.Response) -> Mapping[str, Any]:
        body: Mapping[str, Any] = response.json()
        return body


def _told(response: httpx.Response) -> CareslotError:
    """Return the error of our family that the answer stands for, with the service's own words."""
    try:
        problem = response.json()
        words = [str(problem.get("detail") or problem.get("title") or "")]
        words += [f"{error['where']}: {error['what']}" for error in problem.get("errors", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        words = []
    said = "; ".join(word for word in words if word) or f"The platform answered {response.status_code}."
    return _FAMILY.get(response.status_code, Unavailable)(said)
