"""CEL says what the API server would: values, errors where it has errors, and nothing where it has more."""

from __future__ import annotations

from typing import Any

import pytest

from policies.admission.expressions import Failed, value_of

POD: dict[str, Any] = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "one", "image": "x@sha256:1"}]},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("object.spec.containers.all(c, has(c.image) && c.image.matches('@sha256:'))", True),
        ("object.spec.containers + object.spec.?initContainers.orValue([])", POD["spec"]["containers"]),
        ("object.metadata.?labels[?'nope'].orValue('none')", "none"),
        ("object.spec.containers.map(c, c.name).join(', ')", "one"),
        ("oldObject == null ? 1 : 2", 1),
    ],
)
def test_an_expression_has_its_value(expression: str, value: Any) -> None:
    assert value_of(expression, {"object": POD}) == value


@pytest.mark.parametrize("expression", ["object.spec.nope == 1", "params.data.registry == ''", "variables.gone"])
def test_what_is_not_there_is_an_error(expression: str) -> None:
    with pytest.raises(Failed):
        value_of(expression, {"object": POD, "variables": {}})


@pytest.mark.parametrize("expression", ["quantity('1Gi')", "object.spec.", "nobody.knows", "[1].indexOf(1)"])
def test_what_is_not_known_here_is_an_error_each_time(expression: str) -> None:
    for _ in range(2):
        with pytest.raises(Failed, match="ERROR"):
            value_of(expression, {"object": POD})
