"""Zips for AWS, under the hash that an environment names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from environments.model import load_environment, names
from infra.zips import zip_name
from pipelines.functions import functions, with_functions
from services.kernel.errors import Invalid


def test_a_zip_is_put_under_its_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    functions(["notifications"], to=tmp_path, as_json=True)
    told = json.loads(capsys.readouterr().out)
    (made,) = tmp_path.iterdir()
    digest = hashlib.sha256(made.read_bytes())
    assert told == {"notifications": digest.hexdigest()}
    assert made.name == zip_name("notifications", digest.hexdigest())


def test_a_service_without_functions_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="booking: no functions are declared for that; there are notifications"):
        functions(["booking"], to=tmp_path)


def test_every_environment_says_which_zip_it_runs() -> None:
    for name in names():
        assert set(load_environment(name).functions.code) == set(with_functions())
