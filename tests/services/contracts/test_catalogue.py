"""The catalogue refuses a wrong entry by naming file, key and what is allowed."""

from pathlib import Path

import pytest
import yaml

from services.contracts.catalogue import load_catalogue, load_service
from services.contracts.catalogue.model import FOLDER
from services.kernel.errors import Invalid

GOOD = yaml.safe_load((FOLDER / "booking.yaml").read_text("utf-8"))


def write(folder: Path, name: str, **changes: object) -> Path:
    """Write booking's entry with ``changes`` under ``name``."""
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**GOOD, "name": name, "calls": [], **changes}), "utf-8")
    return file


def test_the_real_catalogue_loads_and_calls_only_what_exists() -> None:
    catalogue = load_catalogue()
    assert {"directory", "availability", "booking", "notifications"} <= set(catalogue)
    assert catalogue["booking"].calls == ("availability",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tier": "middle"}, r"booking.yaml:tier: .*'core' or 'edge'"),
        ({"port": 80}, r"booking.yaml:port: .*1024"),
        ({"databse": {}}, r"booking.yaml:databse: "),
        ({"slo": {"availability": 101, "latency_ms": 1, "latency_ratio": 99}}, r"booking.yaml:slo.availability: "),
        (
            {"slo": {"availability": 99, "latency_ms": 400, "latency_ratio": 99}},
            r"booking.yaml:slo.latency_ms: .*300, ",
        ),
        ({"team": "nobody"}, r"booking.yaml:team: .*'scheduling'"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        load_service(write(tmp_path, "booking", **changes))


def test_files_that_are_not_entries_are_refused(tmp_path: Path) -> None:
    (tmp_path / "booking.yaml").write_text("a: [", "utf-8")
    with pytest.raises(Invalid, match="not YAML"):
        load_service(tmp_path / "booking.yaml")
    other = write(tmp_path, "other")
    other.rename(tmp_path / "renamed.yaml")
    with pytest.raises(Invalid, match="the file says 'renamed'"):
        load_service(tmp_path / "renamed.yaml")


def test_a_port_has_one_owner_and_a_callee_exists(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    with pytest.raises(Invalid, match="two.yaml:port: 8103 is already one's"):
        load_catalogue(tmp_path)
    write(tmp_path, "two", port=9000, calls=["three"])
    with pytest.raises(Invalid, match="no service is called three"):
        load_catalogue(tmp_path)
