"""What PostgreSQL says becomes what a person can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.local.child import CannotStart
from services.local.postgres_faults import explain, require_room


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device',
            "the disk that holds /data/pg is full",
        ),
        ("FATAL:  database files are incompatible with server\nDETAIL:  ...", "another version of PostgreSQL"),
        ("LOG:  starting\nFATAL:  something new\n", "FATAL:  something new"),
        ("", "it said nothing"),
    ],
)  # fmt: skip
def test_explained(said: str, told: str) -> None:
    assert told in explain(said, Path("/data/pg"))


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"MB free, and 1099511627776 MB are needed"):
        require_room(tmp_path / "not" / "there", 1 << 60)
    require_room(tmp_path, 1)
