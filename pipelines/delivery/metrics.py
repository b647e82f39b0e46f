"""What a region's Prometheus knows: a port, and the adapter that asks its HTTP API, signed where it is Amazon's."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from services.kernel.errors import Forbidden, Invalid, Unavailable

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of an instant query, with its labels."""

    labels: Mapping[str, str]
    value: float


class Metrics(Protocol):
    """What the verbs ask of metrics."""

    def query(self, expression: str) -> tuple[Sample, ...]:
        """Return what an instant query finds now."""
        ...


class PrometheusMetrics:
    """Prometheus's HTTP API (`/api/v1/query`) at ``address``, also Amazon Managed Service for Prometheus's."""

    def __init__(self, address: str, region: str, transport: httpx.BaseTransport | None = None) -> None:
        url = httpx.URL(address.rstrip("/") + "/api/v1/query")
        if url.scheme not in {"http", "https"} or not url.host:
            raise Invalid(f"{address!r} is no address of a Prometheus: https://HOST/PATH")
        self._url = url
        signed = url.host.startswith("aps-workspaces.") and url.host.endswith(".amazonaws.com")
        auth = _Signed(region) if signed else None
        self._client = httpx.Client(auth=auth, timeout=SECONDS, transport=transport)

    def query(self, expression: str) -> tuple[Sample, ...]:
        """Return what an instant query finds now; raise Unavailable when nobody answers, Invalid when refused."""
        try:
            answer = self._client.post(self._url, data={"query": expression})
        except httpx.HTTPError as fault:
            raise Unavailable(f"{self._url.host} did not answer: {type(fault).__name__}") from None
        if answer.status_code in {401, 403}:
            raise Forbidden(f"{self._url.host} refused the question: {answer.status_code}")
        try:
            told = answer.json()
            if told["status"] != "success":
                raise Invalid(f"{self._url.host} refused {expression!r}: {told.get('error', answer.status_code)}")
            return tuple(Sample(one["metric"], float(one["value"][1])) for one in told["data"]["result"])
        except (ValueError, KeyError, TypeError, IndexError):
            raise Unavailable(f"{self._url.host} answered {answer.status_code} with no query's result") from None


class _Signed(httpx.Auth):
    """Signature version 4 with the credentials the job has."""

    requires_request_body = True

    def __init__(self, region: str) -> None:
        from botocore.session import Session

        self._region = region
        self._credentials = Session().get_credentials()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        if self._credentials is None:
            raise Forbidden("there are no AWS credentials here to ask Amazon's Prometheus with")
        headers = {"content-type": request.headers["content-type"]}
        signing = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=headers)
        SigV4Auth(self._credentials, "aps", self._region).add_auth(signing)
        request.headers.update(dict(signing.headers))
        yield request


def finite(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Return the samples that are numbers: a ratio of nothing by nothing is NaN and says nothing."""
    return tuple(sample for sample in samples if math.isfinite(sample.value))
