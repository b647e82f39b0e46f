"""Ids sort by time; content keys agree everywhere and fit a bigint."""

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ids import content_key, new_id


def test_new_ids_are_version_7_and_in_order() -> None:
    ids = [new_id() for _ in range(200)]
    assert {value.version for value in ids} == {7}
    assert [value.int >> 80 for value in ids] == sorted(value.int >> 80 for value in ids)
    assert len(set(ids)) == len(ids)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_content_key_is_stable_and_fits_a_signed_bigint(parts: list[str]) -> None:
    key = content_key(*parts)
    assert key == content_key(*parts)
    assert 0 <= key < 2**63


def test_a_content_key_is_pinned_because_databases_keep_it() -> None:
    assert content_key("clinician", "cln-00001", "0") == 7838663031273465446


def test_parts_do_not_run_into_each_other() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
