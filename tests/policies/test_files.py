"""A file of the policies that is wrong is told with file, key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from policies.files import Strict, read_as, twice
from services.kernel.errors import Invalid


class Thing(Strict):
    """Something to read."""

    name: str
    number: int


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{name: a, number: b}]", r"things.yaml:0.number: 'b': Input should be a valid integer"),
        ("[{name: a}]", r"things.yaml:0.number: Field required"),
        ("[{name: a, number: 1, other: 2}]", r"things.yaml:0.other: 2: Extra inputs are not permitted"),
        ("[{name: a", r"things.yaml is not YAML"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "things.yaml"
    file.write_text(text)
    with pytest.raises(Invalid, match=told):
        read_as(file, TypeAdapter(tuple[Thing, ...]))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        read_as(tmp_path / "things.yaml", TypeAdapter(tuple[Thing, ...]))


def test_what_stands_twice_is_found() -> None:
    assert twice(["a", "b", "a"]) == ["a"]
